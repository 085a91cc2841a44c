import type { Job } from './job.ts';

// The interface between a bench and a system that is compared with Howdah: a limit or a peer.

export type SystemSetup = {
  job: Job;
  /**
   * Does the work of a step. The system calls it once per step, and commits the result before it
   * begins the next step of the run.
   */
  step(run: string, index: number): Promise<StepResult>;
  /** Must be called first in the handler of a job that `enqueue` has enqueued. */
  onStart(id: string): void;
};

/** About 500 bytes of JSON. The text is random, so that it cannot be compressed. */
export type StepResult = { index: number; text: string };

/** A system that is connected, migrated and ready. */
export type MeasuredSystem = {
  /** Runs one run of `job.stepsPerRun` steps. Resolves when its end is committed. */
  run?(id: string): Promise<void>;
  /** Enqueues a job whose handler calls `onStart`. */
  enqueue?(id: string): Promise<void>;
  /** Resumes runs after a crash, if starting the process is not enough. */
  resume?(ids: string[]): Promise<void>;
  stop(): Promise<void>;
};

export type StartSystem = (setup: SystemSetup) => Promise<MeasuredSystem>;
