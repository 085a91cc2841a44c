import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import { createPool } from '../connection/pool.ts';
import {
  type Execution,
  findExecution,
  type Queries,
  queriesOn,
  type Step,
  stepsAfter,
} from '../queries/queries.ts';
import { type Question, questionsInTheWay } from '../queries/questions.ts';
import { openRunListener } from './run-listener.ts';

export type FollowedItem =
  | { type: 'step'; id: string; step: Step }
  /** Nothing of the run goes on before a person has answered these; each is given once. */
  | { type: 'questions'; id: string; questions: Question[] }
  /** A limit is reached: the run goes on by itself once there is room. Said once. */
  | { type: 'limited'; id: string }
  | { type: 'end'; id: string; execution: Execution };

/** A tool says something while it works. */
export type Noted = { type: 'note'; id: string; note: ToolNote };

/**
 * The steps of the runs after a cursor, then each new one as it commits, what they wait for people for, then each run's end. Reads the log by itself
 * and uses announcements only to do so at once. Ends when all runs have, or when the signal fires.
 */
export function followExecutions(
  url: string,
  ids: readonly string[],
  after: number,
  signal: AbortSignal,
): AsyncGenerator<FollowedItem>;
export function followExecutions(
  url: string,
  ids: readonly string[],
  after: number,
  signal: AbortSignal,
  options: { notes: true },
): AsyncGenerator<FollowedItem | Noted>;
export async function* followExecutions(
  url: string,
  ids: readonly string[],
  after: number,
  signal: AbortSignal,
  { notes = false } = {},
): AsyncGenerator<FollowedItem | Noted> {
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1, numbers: true });
  const db = queriesOn(pool);
  const bell = await openRunListener(url, ids, signal, { notes });
  const cursors = new Map(ids.map((id) => [id, after]));
  const told = new Set<string>();
  try {
    let due: Iterable<string> = ids;
    while (cursors.size > 0 && !signal.aborted) {
      for (const note of bell.notes()) yield { type: 'note', id: note.execution_id, note };
      for (const id of due) {
        yield* readOn(db, id, cursors, told);
      }
      due = await bell.nextChanged([...cursors.keys()]);
    }
  } finally {
    await bell.close();
    await pool.end();
  }
}

async function* readOn(
  db: Queries,
  id: string,
  cursors: Map<string, number>,
  told: Set<string>,
): AsyncGenerator<FollowedItem> {
  const cursor = cursors.get(id);
  if (cursor === undefined) {
    return;
  }
  const execution = await findExecution(db, id); // before the steps: its end is then not told too early
  for (const step of await stepsAfter(db, id, cursor)) {
    cursors.set(id, step.seq);
    yield { type: 'step', id, step };
  }
  if (execution?.status === 'waiting') {
    yield* askedBy(db, id, told);
  }
  if (execution?.waiting_for === 'quota' && !told.has(id)) {
    told.add(id);
    yield { type: 'limited', id };
  }
  if (!execution || execution.completed_at) {
    cursors.delete(id);
  }
  if (execution?.completed_at) {
    yield { type: 'end', id, execution };
  }
}

/** What it waits for people for, each question once. */
async function* askedBy(db: Queries, id: string, told: Set<string>): AsyncGenerator<FollowedItem> {
  const questions = (await questionsInTheWay(db, id)).filter((one) => !told.has(one.id));
  if (questions.length > 0) {
    yield { type: 'questions', id, questions };
    for (const { id: shown } of questions) {
      told.add(shown);
    }
  }
}
