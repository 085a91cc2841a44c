import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import { inTransaction, type Pool, type Queryable } from '../connection/pool.ts';
import type { RunListener } from '../feed/run-listener.ts';
import type { FollowedItem } from '../feed/run-reader.ts';
import { type JsonPage, jsonPage } from './json-rows.ts';

/** A question of a run that a person has to answer. */
export type ChatQuestion = {
  id: string;
  execution_id: string;
  kind: EnumLabel<'question_kind'>;
  prompt: string;
  options: string[] | null;
};

/**
 * Starts a session with an agent, or makes an existing session continue with that agent from the
 * next message on. Returns the id of the session.
 */
export async function openSession(pool: Pool, agent: string, id?: string): Promise<string> {
  const { rows } = id
    ? await pool.query('select s.id from howdah.switch_agent($1, $2) as s', [id, agent])
    : await pool.query('select s.id from howdah.start_session($1) as s', [agent]);
  return rows[0].id;
}

/**
 * Sends a message to a session. Returns the run that the message started, or the live run that it
 * joined. The listener watches that run from its start.
 */
export async function sendMessage(
  pool: Pool,
  session: string,
  text: string,
  listener: RunListener,
): Promise<string> {
  return inTransaction(pool, async (client) => {
    const sent = await client.query(
      'select s.turns, s.live_execution_id from howdah.send_message($1, $2) as s',
      [session, text],
    );
    const { turns, live_execution_id } = sent.rows[0];
    // The query runs in the same transaction, so nobody else starts a turn of the session
    // meanwhile.
    const started = await client.query(
      `select e.id from howdah.executions as e
       where e.session_id = $1 and e.turn = $2 and e.created_at = now()`,
      [session, turns],
    );
    const id: string = started.rows[0]?.id ?? live_execution_id;
    await listener.watch(client, id);
    return id;
  });
}

/**
 * Sends a message to a new session that contains another session up to the end of a turn. Returns
 * the new session and its run.
 */
export async function forkSession(
  pool: Pool,
  from: { session: string; turn: number },
  text: string,
  listener: RunListener,
): Promise<{ session: string; run: string }> {
  return inTransaction(pool, async (client) => {
    const { rows } = await client.query(
      'select s.id as session, s.live_execution_id as run from howdah.fork_session($1, $2, $3) as s',
      [from.session, text, from.turn],
    );
    await listener.watch(client, rows[0].run);
    return rows[0];
  });
}

/** Returns the number of turns of a session. */
export async function turnsOf(pool: Pool, session: string): Promise<number> {
  const { rows } = await pool.query('select s.turns from howdah.sessions as s where s.id = $1', [
    session,
  ]);
  return rows[0]?.turns ?? 0;
}

/** Returns the oldest open question of a run and the runs below it. */
export async function openQuestion(pool: Pool, root: string): Promise<ChatQuestion | undefined> {
  const { rows } = await pool.query<ChatQuestion>(
    `select q.id, q.execution_id, q.kind, q.prompt, q.options from howdah.questions as q
     where q.root_execution_id = $1 and q.status = 'open' order by q.created_at, q.id limit 1`,
    [root],
  );
  return rows[0];
}

/**
 * Answers a question with a line of text. The line `reject REASON` rejects an approval with a
 * reason.
 */
export async function answerChatQuestion(pool: Pool, question: ChatQuestion, line: string) {
  const [, reason] = /^\s*reject\s+(.+)$/is.exec(line) ?? [];
  await (question.kind === 'approval' && reason
    ? pool.query('select howdah.reject($1, $2)', [question.id, reason])
    : pool.query('select howdah.answer_question($1, $2)', [question.id, line]));
}

/** Returns the live run of a session. */
export async function liveRun(pool: Pool, session: string): Promise<string | undefined> {
  const { rows } = await pool.query(
    'select s.live_execution_id as id from howdah.sessions as s where s.id = $1',
    [session],
  );
  return rows[0]?.id ?? undefined;
}

/** Cancels a run at once, unless it has ended. */
export async function cancelIfLive(pool: Pool, id: string): Promise<void> {
  await pool.query('select howdah.cancel_execution($1)', [id]).catch((error) => {
    if (error.code !== 'HWTRM') throw error;
  });
}

/** An event of a turn. With the runs below, an event of a log names the place of its run. */
export type TurnEvent =
  | Exclude<FollowedItem, { type: 'questions' }>
  | { type: 'token'; id: string; piece: TokenPiece }
  | { type: 'question'; id: string; question: ChatQuestion };

/** The usage of the runs of a session, including the runs below them. */
export type SessionUsage = {
  runs: number;
  tokens_in: number;
  tokens_out: number;
  cost: number | string;
};

export async function sessionUsage(
  db: Queryable,
  session: string,
): Promise<SessionUsage | undefined> {
  const { rows } = await db.query<SessionUsage>(
    `select u.* from howdah.sessions as s
     cross join lateral (
       select count(*)::int as runs, coalesce(sum(coalesce(h.tokens_in, e.tokens_in) + e.children_tokens_in), 0)::bigint as tokens_in,
         coalesce(sum(coalesce(h.tokens_out, e.tokens_out) + e.children_tokens_out), 0)::bigint as tokens_out,
         coalesce(sum(coalesce(h.cost, e.cost) + e.children_cost), 0) as cost
       from howdah.executions as e
       left join howdah_private.run_heads as h on h.execution_id = e.id
       where e.session_id = s.id and e.tenant_id = s.tenant_id and e.parent_execution_id is null
     ) as u
     where s.id = $1`,
    [session],
  );
  return rows[0];
}

export type SessionMessage = { turn: number; who: string; said: string };

/** The position of a message in a session. The numbers rise with the conversation. */
export type SessionMessagePlace = { turn: number; seq: number };

/**
 * Statement that reads the last $4 messages of people and agents in session $1, newest first:
 * before seq $3 of turn $2, or of the whole session when both are null.
 */
const SAID = `select h.turn, h.seq, h.who, h.said from (
       select e.turn, m.seq, case m.role when 'user' then 'you' else coalesce(a.name, 'assistant') end as who, m.content as said
       from howdah.executions as e
       join howdah.messages as m on m.execution_id = e.id
       left join howdah.agents as a on a.id = m.agent_id
       where e.session_id = $1 and e.parent_execution_id is null and m.role in ('user', 'assistant')
         and coalesce(m.content, '') <> '' and m.covers_to_seq is null
       union all
       select 0, m.place, case m.message ->> 'role' when 'user' then 'you' else 'assistant' end, m.message ->> 'content'
       from howdah.executions as e
       cross join jsonb_array_elements(e.history) with ordinality as m (message, place)
       where e.session_id = $1 and e.turn = 1 and m.message ->> 'role' in ('user', 'assistant') and m.message ->> 'content' <> ''
     ) as h
     where $2::int is null or (h.turn, h.seq) < ($2, $3::bigint)
     order by h.turn desc, h.seq desc limit $4`;

/** Returns the last messages of a session, oldest first. Copied messages of a fork are turn 0. */
export async function lastMessages(
  db: Queryable,
  session: string,
  most: number,
): Promise<SessionMessage[]> {
  const { rows } = await db.query<SessionMessage & SessionMessagePlace>(SAID, [
    session,
    null,
    null,
    most,
  ]);
  return rows.reverse().map(({ turn, who, said }) => ({ turn, who, said }));
}

/** Returns a page of the messages before a position, newest first. */
export function messagesBefore(
  db: Queryable,
  session: string,
  { before, limit }: { before: SessionMessagePlace | undefined; limit: number },
): Promise<JsonPage<SessionMessage & SessionMessagePlace>> {
  return jsonPage(db, SAID, [session, before?.turn ?? null, before?.seq ?? null, limit]);
}
