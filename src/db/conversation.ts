import { type Followed, listenFor } from './follow.ts';
import { createPool, type Pool } from './pool.ts';
import { findExecution, queriesOn, stepsAfter } from './queries.ts';

/** What a run asks a person. */
export type OpenQuestion = {
  id: string;
  execution_id: string;
  kind: 'question' | 'approval' | 'effect';
  prompt: string;
  options: string[] | null;
};

/** Begins a session with an agent, or goes on with one: the next message is then for that agent. Gives its id. */
export async function openSession(pool: Pool, agent: string, id?: string): Promise<string> {
  const { rows } = id
    ? await pool.query('select s.id from howdah.switch_agent($1, $2) as s', [id, agent])
    : await pool.query('select s.id from howdah.start_session($1) as s', [agent]);
  return rows[0].id;
}

/** Says something in a session. Gives the run it began, or the live one it joined. */
export async function sendMessage(pool: Pool, session: string, text: string): Promise<string> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const sent = await client.query(
      'select s.turns, s.live_execution_id from howdah.send_message($1, $2) as s',
      [session, text],
    );
    const { turns, live_execution_id } = sent.rows[0];
    // of this transaction: nobody else begins a turn of the session meanwhile
    const begun = await client.query(
      `select e.id from howdah.executions as e
       where e.session_id = $1 and e.turn = $2 and e.created_at = now()`,
      [session, turns],
    );
    await client.query('commit');
    return begun.rows[0]?.id ?? live_execution_id;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

/** The oldest open question of a run and those below it. */
export async function openQuestion(pool: Pool, root: string): Promise<OpenQuestion | undefined> {
  const { rows } = await pool.query<OpenQuestion>(
    `select q.id, q.execution_id, q.kind, q.prompt, q.options from howdah.questions as q
     where q.root_execution_id = $1 and q.status = 'open' order by q.created_at, q.id limit 1`,
    [root],
  );
  return rows[0];
}

/** Answers with a line of text; an approval is rejected with a reason by `reject REASON`. */
export async function answerQuestion(pool: Pool, question: OpenQuestion, line: string) {
  const [, reason] = /^\s*reject\s+(.+)$/is.exec(line) ?? [];
  await (question.kind === 'approval' && reason
    ? pool.query('select howdah.reject($1, $2)', [question.id, reason])
    : pool.query('select howdah.answer_question($1, $2)', [question.id, line]));
}

/** The run whose turn it is in a session. */
export async function liveRun(pool: Pool, session: string): Promise<string | undefined> {
  const { rows } = await pool.query(
    'select s.live_execution_id as id from howdah.sessions as s where s.id = $1',
    [session],
  );
  return rows[0]?.id ?? undefined;
}

/** Ends a run at once, when it has not ended. */
export async function cancelIfLive(pool: Pool, id: string): Promise<void> {
  await pool.query('select howdah.cancel_execution($1)', [id]).catch((error) => {
    if (error.code !== 'HWTRM') throw error;
  });
}

export type TurnEvent =
  | Exclude<Followed, { type: 'questions' }>
  | { type: 'question'; id: string; question: OpenQuestion };

/**
 * The steps of a run after a cursor and each new one as it commits, until it has ended or waits for a person: that is
 * the last event. Also ends when the signal fires.
 */
export async function* followTurn(
  url: string,
  id: string,
  after: number,
  signal: AbortSignal,
): AsyncGenerator<TurnEvent> {
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1, numbers: true });
  const db = queriesOn(pool);
  const bell = await listenFor(url, [id], signal);
  let cursor = after;
  try {
    while (!signal.aborted) {
      // both before the steps: what a question or the end belongs to is then told first
      const execution = await findExecution(db, id);
      const question = await openQuestion(pool, id);
      for (const step of await stepsAfter(db, id, cursor)) {
        cursor = step.seq;
        yield { type: 'step', id, step };
      }
      if (execution?.completed_at) return yield { type: 'end', id, execution };
      if (question) return yield { type: 'question', id, question };
      await bell.rung([id]);
    }
  } finally {
    await bell.close();
    await pool.end();
  }
}
