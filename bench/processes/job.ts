/**
 * What a child process is asked to do with one system (a limit or a peer), on a database of its own.
 *
 * - `steps`: as many runs as `runsAtOnce`, begun again as they end, for `seconds` after a second to warm up.
 * - `latency`: `samples` pieces of work, one at a time: from the call that enqueues until the handler begins.
 * - `waiting`: `runs` runs at once, each step of which waits for the model.
 * - `crash`: `runs` runs at once, each step takes 50 ms and notes in `log` when it begins and ends; with `resume` the
 *   process goes on with what a killed one left.
 */
export type Job = {
  system: string;
  url: string;
  /** How many connections the system may open. */
  connections: number;
  runsAtOnce: number;
  stepsPerRun: number;
  /** Makes the names of runs unique. */
  tag: string;
} & (
  | { kind: 'steps'; seconds: number }
  | { kind: 'latency'; samples: number }
  | { kind: 'waiting'; modelUrl: string }
  | { kind: 'crash'; log: string; resume: boolean }
);

export type JobKind = Job['kind'];

/** What came out, by name: `steps_per_second`, `p50_ms`, `wall_s` … */
export type JobResult = Record<string, number>;
