import type { Json, JsonObject } from '../../json/json.ts';
import type { Pool } from '../connection/pool.ts';

/**
 * A step whose details are requested. `after` is a known message of its run before the step, or
 * undefined when none is known.
 */
export type StepRow = { id: string; seq: number; after: number | undefined };

/** A message that a step adds. Only a message of the assistant has parts here. */
export type StepMessage = {
  seq: number;
  role: string;
  content: string | null;
  tool_calls: Json;
  parts: Json;
};

/** The details of a step beyond its row. */
export type StepDetails = {
  agent: string | null;
  messages: StepMessage[];
  /** The last message of the run up to the step. Null if none was read. */
  last_message: number | null;
  /** The question of a step that asks people. */
  question: (JsonObject & { status: string }) | null;
  /** True if the step starts a child run that a model has called. */
  is_called: boolean;
};

const NO_DETAILS: StepDetails = {
  agent: null,
  messages: [],
  last_message: null,
  question: null,
  is_called: false,
};

/** Returns the details of many steps, in the order of the steps. */
export async function stepDetails(pool: Pool, steps: readonly StepRow[]): Promise<StepDetails[]> {
  const { rows } = await pool.query<{ place: number; story: StepDetails }>(
    'select place, story from howdah_private.stream_step_details($1, $2, $3)',
    [
      steps.map(({ id }) => id),
      steps.map(({ seq }) => seq),
      steps.map(({ after }) => after ?? null),
    ],
  );
  const found = new Map(rows.map(({ place, story: details }) => [place, details]));
  return steps.map((_step, index) => found.get(index + 1) ?? NO_DETAILS);
}
