import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench.ts';
import { CALLS_PER_RUN, RUNS, waitUntilHalfDone } from '../processes/crash-workload.ts';
import type { Job } from '../processes/job.ts';
import { countRepeats, readStepLog, type StepLogEntry } from '../processes/step-log.ts';
import { CONNECTIONS, startJob } from '../systems.ts';

const OBSERVED_MS = 20_000;

export type PeerRecovery = {
  /** Milliseconds from the kill to the first step of any run after the kill. */
  firstMs: number;
  /** Milliseconds until all steps of all runs have ended, or NaN if they did not while observed. */
  completeMs: number;
  unfinished: number;
  /** Steps that began more than once. */
  begunAgain: number;
  /** Steps that ended more than once. */
  endedAgain: number;
};

/** Kills a process of another system. A second process starts at once, and is observed for 20 s. */
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
    stepsPerRun: CALLS_PER_RUN,
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
    return summarize(readStepLog(log), before, killedAt);
  } finally {
    first.child.kill('SIGKILL');
    second?.child.kill('SIGKILL');
    await database.drop();
  }
}

async function waitForSteps(log: string): Promise<void> {
  const deadline = performance.now() + OBSERVED_MS;
  while (performance.now() < deadline && endedSteps(readStepLog(log)).size < RUNS * CALLS_PER_RUN) {
    await sleep(100);
  }
  await sleep(300); // for repeated steps that are still running
}

function endedSteps(entries: readonly StepLogEntry[]): Set<string> {
  return new Set(
    entries.filter(({ event }) => event === 'end').map(({ run, index }) => `${run} ${index}`),
  );
}

/** Summarizes the log. It had `before` entries at the time of the kill. */
function summarize(entries: StepLogEntry[], before: number, killedAt: number): PeerRecovery {
  const done = endedSteps(entries);
  const perRun = Map.groupBy(done, (step) => step.split(' ')[0]);
  const finished = [...perRun.values()].filter((steps) => steps.length === CALLS_PER_RUN).length;
  const lastEnd = Math.max(...entries.filter(({ event }) => event === 'end').map(({ at }) => at));
  return {
    firstMs: (entries[before]?.at ?? Number.NaN) - killedAt,
    completeMs: finished === RUNS ? lastEnd - killedAt : Number.NaN,
    unfinished: RUNS - finished,
    begunAgain: countRepeats(entries, 'begin'),
    endedAgain: countRepeats(entries, 'end'),
  };
}
