import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { DecryptRows } from '../connection/decrypt-results.ts';
import { createPool } from '../connection/pool.ts';
import {
  type ExecutionRow,
  findExecutionRow,
  type Queries,
  queriesOn,
  type Step,
  stepsAfter,
} from '../queries/queries.ts';
import { type Question, questionsInTheWay } from '../queries/questions.ts';
import { openRunListener } from './run-listener.ts';

export type FollowedItem =
  | { type: 'step'; id: string; step: Step }
  /**
   * The run does not continue until a person has answered these questions. Each is yielded once.
   */
  | { type: 'questions'; id: string; questions: Question[] }
  /** A limit is reached. The run continues by itself once there is room. Yielded once. */
  | { type: 'limited'; id: string }
  | { type: 'end'; id: string; execution: ExecutionRow };

/** A report of a running tool. */
export type FollowedNote = { type: 'note'; id: string; note: ToolNote };

type FollowOptions = {
  /** Decrypts contents of ended runs. */
  decrypt?: DecryptRows | undefined;
};

/**
 * Yields the steps of the runs after a cursor, then each new step as it commits, the questions that
 * the runs wait for, and the end of each run. Polls the log, and uses announcements only to read
 * immediately. Ends when all runs have ended, or when the signal fires.
 */
export function followExecutions(
  url: string,
  ids: readonly string[],
  after: number,
  signal: AbortSignal,
  options?: FollowOptions,
): AsyncGenerator<FollowedItem>;
export function followExecutions(
  url: string,
  ids: readonly string[],
  after: number,
  signal: AbortSignal,
  options: FollowOptions & { notes: true },
): AsyncGenerator<FollowedItem | FollowedNote>;
export async function* followExecutions(
  url: string,
  ids: readonly string[],
  after: number,
  signal: AbortSignal,
  { notes = false, decrypt }: FollowOptions & { notes?: boolean } = {},
): AsyncGenerator<FollowedItem | FollowedNote> {
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1, numbers: true, decrypt });
  const db = queriesOn(pool);
  const listener = await openRunListener(url, ids, signal, { notes });
  const cursors = new Map(ids.map((id) => [id, after]));
  const reported = new Set<string>();
  try {
    let due: Iterable<string> = ids;
    while (cursors.size > 0 && !signal.aborted) {
      for (const note of listener.notes()) yield { type: 'note', id: note.execution_id, note };
      for (const id of due) {
        yield* readRun(db, id, cursors, reported);
      }
      due = await listener.nextChanged([...cursors.keys()]);
    }
  } finally {
    await listener.close();
    await pool.end();
  }
}

/** Yields what is new in a run. Removes the cursor of a run that has ended. */
export async function* readRun(
  db: Queries,
  id: string,
  cursors: Map<string, number>,
  reported: Set<string>,
): AsyncGenerator<FollowedItem> {
  const cursor = cursors.get(id);
  if (cursor === undefined) {
    return;
  }
  // Read the run before its steps, so that its end is not reported too early.
  const execution = await findExecutionRow(db, id);
  for (const step of await stepsAfter(db, id, cursor)) {
    cursors.set(id, step.seq);
    yield { type: 'step', id, step };
  }
  if (execution?.status === 'waiting') {
    yield* newQuestions(db, id, reported);
  }
  if (execution?.waiting_for === 'quota' && !reported.has(id)) {
    reported.add(id);
    yield { type: 'limited', id };
  }
  if (!execution || execution.completed_at) {
    cursors.delete(id);
  }
  if (execution?.completed_at) {
    yield { type: 'end', id, execution };
  }
}

/** Yields the open questions of a run, each question once. */
async function* newQuestions(
  db: Queries,
  id: string,
  reported: Set<string>,
): AsyncGenerator<FollowedItem> {
  const questions = (await questionsInTheWay(db, id)).filter((one) => !reported.has(one.id));
  if (questions.length > 0) {
    yield { type: 'questions', id, questions };
    for (const { id: shown } of questions) {
      reported.add(shown);
    }
  }
}
