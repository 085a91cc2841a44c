import { setTimeout as pause } from 'node:timers/promises';
import { HowdahError } from '../../contracts/errors.ts';
import type { Json } from '../../json/json.ts';
import type { Pool } from '../connection/pool.ts';

/** Most rows that one call appends to the order of a tree. */
export const ROWS_PER_ORDER = 5_000;
/** The pause before a tree is read again whose order another process extends. */
export const BUSY_MS = 20;

/** A step in a feed: the columns of `howdah.steps`, with prices and times as text. */
export type FeedRow = { execution_id: string; seq: number; step: Readonly<Record<string, Json>> };

/**
 * A position in the order of a tree: after the step `seq` of the top run, or after an entry below
 * it. Entries below count from 1, and 0 is the step of the top run itself.
 */
export type TreePosition = Readonly<{ seq: number; position: number }>;

/** A row of a tree: a step of a run, or the end of a run below the top. */
export type TreeRow = {
  /** The position of the row in the tree. */
  at: TreePosition;
  execution_id: string;
  /** The step; for an end, the last step of the run. */
  seq: number;
  /** Absent at the end of a run. */
  row?: FeedRow;
};

/** The state of a followed tree. */
export type TreeState = {
  execution_id: string;
  step_count: number;
  /** True if the top run has ended. */
  has_ended: boolean;
  has_children: boolean;
  /** True if the tree has steps without a place in its order. */
  is_behind: boolean;
  /** Runs below that have not ended. */
  live: string[];
};

/** The place of a run: its name, and the runs above, from the root down. */
export type RunPlace = { execution_id: string; agent: string | null; ancestors: string[] };

export type FoundTreeRow = {
  top_seq: number;
  position: number;
  execution_id: string;
  seq: number;
  step: FeedRow['step'] | null;
};

/** Returns a row of `howdah_private.tree_rows_after` as followers get it. */
export function treeRowOf({ top_seq, position, execution_id, seq, step }: FoundTreeRow): TreeRow {
  const at = { seq: top_seq, position };
  return { at, execution_id, seq, ...(step && { row: { execution_id, seq, step } }) };
}

/** Returns the places of runs, in the order of the ids. */
export async function readRunPlaces(
  pool: Pool,
  ids: readonly string[],
): Promise<(RunPlace | undefined)[]> {
  const text = 'select execution_id, agent, ancestors from howdah_private.tree_places($1)';
  const { rows } = await pool.query<RunPlace>(text, [ids]);
  const found = new Map(rows.map((row) => [row.execution_id, row]));
  return ids.map((id) => found.get(id));
}

/** Returns the last step of each run below `id` up to a position in the order of its tree. */
export async function treeCursors(
  pool: Pool,
  id: string,
  { seq, position }: TreePosition,
): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ execution_id: string; seq: number }>(
    'select execution_id, seq from howdah_private.tree_cursors($1, $2, $3)',
    [id, seq, position],
  );
  return new Map(rows.map((row) => [row.execution_id, row.seq]));
}

/** Times that `lastPosition` tries again while another reader extends the order of the tree. */
const MAX_TRIES = 50;
/** The SQLSTATE `too_many_connections`, by which a server says that it is busy. */
const TOO_BUSY = '53300';

/**
 * Returns the last position in the order of a tree, with everything that is committed now; 0 if
 * nothing is below. Throws an error that may be retried if another reader extends the order for
 * more than a second.
 */
export async function lastPosition(pool: Pool, id: string): Promise<number> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const { rows } = await pool.query<{ is_complete: boolean; position: number | null }>(
      'select is_complete, last_position as position from howdah_private.complete_tree($1, $2)',
      [id, ROWS_PER_ORDER],
    );
    if (rows[0]?.is_complete ?? true) return rows[0]?.position ?? 0;
    await pause(BUSY_MS);
  }
  throw new HowdahError(TOO_BUSY, `other requests read the runs below ${id}; try again`, {
    hint: 'Send the request again in a moment.',
    detail: { execution_id: id },
  });
}

/** Returns the position of the last question below a run after its step `seq`; 0 if none. */
export async function positionOfQuestion(pool: Pool, id: string, seq: number): Promise<number> {
  const { rows } = await pool.query<{ position: number | null }>(
    'select howdah_private.last_question_position($1, $2) as position',
    [id, seq],
  );
  return rows[0]?.position ?? 0;
}
