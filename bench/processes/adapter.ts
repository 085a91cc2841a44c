import type { Job } from './job.ts';

export type Setup = {
  job: Job;
  /** The body of a step: call it once per step, commit what it gives, and only then begin the run's next step. */
  step(run: string, index: number): Promise<StepResult>;
  /** To be called first in the handler of what `enqueue` enqueued. */
  onStart(id: string): void;
};

/** About 500 bytes of JSON, random so that nothing compresses them away. */
export type StepResult = { index: number; text: string };

/** One system, connected, migrated and ready. */
export type Engine = {
  /** One run of `job.stepsPerRun` steps; resolves when it has finished and that is committed. */
  run?(id: string): Promise<void>;
  enqueue?(id: string): Promise<void>;
  /** What must be done after a crash, beyond starting the process. */
  resume?(ids: string[]): Promise<void>;
  stop(): Promise<void>;
};

export type StartEngine = (setup: Setup) => Promise<Engine>;
