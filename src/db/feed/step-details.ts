import type { Json, JsonObject } from '../../json/json.ts';
import type { Pool } from '../connection/pool.ts';

/** A step whose story is asked for; `after` is the last message of its run that is known, undefined when none is. */
export type StepRow = { id: string; seq: number; after: number | undefined };

/** What a step says beyond its row. */
export type StepDetails = {
  agent: string | null;
  messages: { seq: number; role: string; content: string | null; tool_calls: Json }[];
  /** Of a step that asks people. */
  question: (JsonObject & { status: string }) | null;
};

const NO_STORY: StepDetails = { agent: null, messages: [], question: null };

/** The stories of many steps, in the order they were asked for. */
export async function stepDetails(pool: Pool, steps: readonly StepRow[]): Promise<StepDetails[]> {
  const { rows } = await pool.query<{ place: number; story: StepDetails }>(
    'select place, story from howdah_private.stream_step_details($1, $2, $3)',
    [
      steps.map(({ id }) => id),
      steps.map(({ seq }) => seq),
      steps.map(({ after }) => after ?? null),
    ],
  );
  const told = new Map(rows.map(({ place, story }) => [place, story]));
  return steps.map((_step, index) => told.get(index + 1) ?? NO_STORY);
}
