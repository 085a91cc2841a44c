import { firstCharacters } from '../../text/truncate.ts';

/** A run as a database or a server gives it, with what a list prints. */
export type ListableRun = {
  id: string;
  agent: string | null;
  workflow: string | null;
  status: string;
  stop_reason: string | null;
  finish_reason: string | null;
  step_count: number;
  tokens_in: number;
  tokens_out: number;
  cost: number;
  input: string;
  created_at: string;
  started_at: string | null;
  completed_at: string | null;
};

const LONGEST_INPUT = 48;

/** Returns a run in the form that `listExecutions` of the database returns. */
export function listedRun(run: ListableRun) {
  const { id, status, stop_reason, finish_reason, step_count, cost, input } = run;
  return {
    id,
    agent: run.agent ?? run.workflow,
    ...{ status, stop_reason, finish_reason },
    steps: step_count,
    tokens: run.tokens_in + run.tokens_out,
    cost,
    seconds: secondsOf(run),
    created_at: new Date(run.created_at),
    input: firstCharacters(input.replaceAll('\n', ' '), LONGEST_INPUT),
  };
}

/** Returns the duration of a run, up to now for a live run. Null before its start. */
function secondsOf({ started_at, completed_at }: ListableRun): number | null {
  if (started_at === null) return null;
  const end = completed_at === null ? Date.now() : Date.parse(completed_at);
  return (end - Date.parse(started_at)) / 1000;
}
