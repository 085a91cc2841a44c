import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench.ts';
import type { Job } from '../processes/job.ts';
import { CALLS, waitUntilHalfDone, RUNS } from '../processes/crash-workload.ts';
import { readStepLog, type StepLogEntry, countRepeats } from '../processes/step-log.ts';
import { CONNECTIONS, startJob } from '../systems.ts';

const OBSERVED_MS = 20_000;

export type PeerRecovery = {
  /** From the kill to the first step of any run after it. */
  firstMs: number;
  /** Until every step of every run has ended; no number when that did not happen while observed. */
  completeMs: number;
  unfinished: number;
  again: number;
  endedAgain: number;
};

/** The same kill for another system: its second process starts at once and is watched for 20 s. */
export async function measurePeerRecovery(
  { server }: BenchContext,
  system: string,
  log: string,
): Promise<PeerRecovery> {
  const database = await server.createEmptyDatabase();
  const job: Extract<Job, { kind: 'crash' }> = {
    system,
    kind: 'crash',
    url: database.url,
    connections: CONNECTIONS,
    runsAtOnce: RUNS,
    stepsPerRun: CALLS,
    tag: 'crash',
    log,
    resume: false,
  };
  writeFileSync(log, '');
  const first = startJob(job);
  let second: ReturnType<typeof startJob> | undefined;
  try {
    await waitUntilHalfDone(log);
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    const killedAt = Date.now();
    const before = readStepLog(log).length;
    second = startJob({ ...job, resume: true });
    await waitForSteps(log);
    return summary(readStepLog(log), before, killedAt);
  } finally {
    first.child.kill('SIGKILL');
    second?.child.kill('SIGKILL');
    await database.drop();
  }
}

async function waitForSteps(log: string): Promise<void> {
  const until = performance.now() + OBSERVED_MS;
  while (performance.now() < until && endedSteps(readStepLog(log)).size < RUNS * CALLS) {
    await sleep(100);
  }
  await sleep(300); // late surplus
}

function endedSteps(notes: readonly StepLogEntry[]): Set<string> {
  return new Set(
    notes.filter(({ what }) => what === 'end').map(({ run, index }) => `${run} ${index}`),
  );
}

function summary(notes: StepLogEntry[], before: number, killedAt: number): PeerRecovery {
  const done = endedSteps(notes);
  const perRun = Map.groupBy(done, (step) => step.split(' ')[0]);
  const finished = [...perRun.values()].filter((steps) => steps.length === CALLS).length;
  const lastEnd = Math.max(...notes.filter(({ what }) => what === 'end').map(({ at }) => at));
  return {
    firstMs: (notes[before]?.at ?? Number.NaN) - killedAt,
    completeMs: finished === RUNS ? lastEnd - killedAt : Number.NaN,
    unfinished: RUNS - finished,
    again: countRepeats(notes, 'begin'),
    endedAgain: countRepeats(notes, 'end'),
  };
}
