/**
 * The work of a child process with one system (a limit or a peer), on a database of its own.
 *
 * - `steps`: `runsAtOnce` runs at a time, for `seconds` after a second to warm up. A run that ends
 *   is followed by another.
 * - `latency`: `samples` jobs, one at a time. A wait lasts from the call that enqueues the job
 *   until its handler begins.
 * - `waiting`: `runsAtOnce` runs. Each step waits for the model.
 * - `crash`: `runsAtOnce` runs. Each step takes 50 ms, and appends its begin and end to the file
 *   `log`. With `resume` the process continues the runs of a killed process.
 */
export type Job = {
  system: string;
  url: string;
  /** The number of connections that the system may open. */
  connections: number;
  runsAtOnce: number;
  stepsPerRun: number;
  /** A prefix that makes the names of runs unique. */
  tag: string;
} & (
  | { kind: 'steps'; seconds: number }
  | { kind: 'latency'; samples: number }
  | { kind: 'waiting'; modelUrl: string }
  | { kind: 'crash'; log: string; resume: boolean }
);

export type JobKind = Job['kind'];

/** The measured values by name, such as `steps_per_second`, `p50_ms` or `wall_s`. */
export type JobResult = Record<string, number>;
