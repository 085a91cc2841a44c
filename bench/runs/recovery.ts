import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, BenchContext } from '../bench.ts';
import { type Figure, figure } from '../figures.ts';
import { CALLS_PER_RUN, RUNS, waitUntilHalfDone } from '../processes/crash-workload.ts';
import { BENCH_AGENT } from '../processes/engine.ts';
import { countRepeats, readStepLog, type StepLogEntry } from '../processes/step-log.ts';
import { startWorkerProcess, type WorkerProcess } from '../processes/worker-process.ts';
import type { BenchDatabase } from '../server.ts';
import { PEERS } from '../systems.ts';
import { measurePeerRecovery, type PeerRecovery } from './peer-recovery.ts';

const TIMEOUT_MS = 60_000;

/** Milliseconds since the kill, and counts of calls and runs. */
type Recovery = {
  /** Until the first run of the killed worker continues. */
  firstMs: number;
  /** Until all runs of the killed worker have continued. */
  allMs: number;
  /** Until all runs have completed. */
  completeMs: number;
  /** Calls that began more than once. */
  begunAgain: number;
  lost: number;
  doubled: number;
};

/**
 * Kills a worker process when half of the calls of 200 runs are done. Another worker process is
 * already running, or starts after the kill. Of two workers it kills the one that did more calls,
 * because a worker may have claimed nearly all runs before the other read its notification.
 */
export const recovery: Bench = async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-recovery-'));
  const ours: Recovery[] = [];
  const peers = new Map<string, PeerRecovery[]>();
  try {
    for (let round = 1; round <= context.rounds(3); round += 1) {
      for (const isRunning of [true, false]) {
        const log = join(folder, `${round}-${isRunning}.log`);
        const measured = await measureEngine(context, log, isRunning);
        ours.push(measured);
        context.talk(`${isRunning ? 'running' : 'started'}: ${JSON.stringify(measured)}`);
      }
      // Peers have one round, because each takes up to half a minute.
      for (const { name } of PEERS.filter((one) => round === 1 && context.has(one.name))) {
        try {
          const measured = await measurePeerRecovery(context, name, join(folder, `${name}.log`));
          peers.set(name, [measured]);
          context.talk(`${name}: ${JSON.stringify(measured)}`);
        } catch (error) {
          context.talk(`${name}: ${(error as Error).message}`);
        }
      }
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return [
    ...ownFigures(ours),
    ...[...peers].flatMap(([name, rounds]) => peerFigures(name, rounds)),
  ];
};

function ownFigures(rounds: Recovery[]): Figure[] {
  const values = (name: keyof Recovery): number[] => rounds.map((round) => round[name]);
  const total = (name: keyof Recovery): number =>
    values(name).reduce((sum, value) => sum + value, 0);
  return [
    figure('recovery', 'recovery_ms_max', Math.max(...values('firstMs')), 'ms', { atMost: 2000 }),
    figure('recovery', 'recovery_ms', values('firstMs'), 'ms', { atMost: 2000 }),
    figure('recovery', 'recovery_all_resumed_ms', values('allMs'), 'ms'),
    figure('recovery', 'recovery_complete_ms', values('completeMs'), 'ms'),
    figure('recovery', 'recovery_lost', total('lost'), 'runs', { atMost: 0 }),
    figure('recovery', 'recovery_doubled', total('doubled'), 'calls', { atMost: 0 }),
    figure('recovery', 'recovery_begun_again', values('begunAgain'), 'calls'),
  ];
}

function peerFigures(name: string, rounds: PeerRecovery[]): Figure[] {
  const values = (field: keyof PeerRecovery): number[] => rounds.map((round) => round[field]);
  const peer = { role: 'peer' } as const;
  return [
    figure('recovery', `${name}_recovery_ms`, values('firstMs'), 'ms', peer),
    figure('recovery', `${name}_recovery_complete_ms`, values('completeMs'), 'ms', peer),
    figure('recovery', `${name}_recovery_unfinished`, values('unfinished'), 'runs', peer),
    figure('recovery', `${name}_recovery_begun_again`, values('begunAgain'), 'calls', peer),
    figure('recovery', `${name}_recovery_ended_again`, values('endedAgain'), 'calls', peer),
  ];
}

async function measureEngine(
  { server }: BenchContext,
  log: string,
  isRunning: boolean,
): Promise<Recovery> {
  const database = await server.createDatabase();
  const options = { url: database.url, concurrency: RUNS, log };
  writeFileSync(log, '');
  const workers = [await startWorkerProcess(options)];
  try {
    if (isRunning) workers.push(await startWorkerProcess(options));
    const { pool } = database;
    await pool.query(BENCH_AGENT);
    await pool.query(
      `insert into howdah.executions (agent_id, input)
       select howdah.agent('bench'), $1 || ' ping' from generate_series(1, $2::int)`,
      [CALLS_PER_RUN, RUNS],
    );
    await waitUntilHalfDone(log);
    const { child } = busiest(workers, readStepLog(log));
    const killedPid = child.pid ?? 0;
    const killedWorker = await findWorker(pool, killedPid);
    const killedAt = Date.now();
    child.kill('SIGKILL');
    await once(child, 'exit');
    if (!isRunning) workers.push(await startWorkerProcess(options));
    const completeMs = (await waitForCompletion(pool)) - killedAt;
    const entries = readStepLog(log);
    return {
      ...resumeDelays(entries, killedPid, killedAt),
      completeMs,
      begunAgain: countRepeats(entries, 'begin'),
      ...(await countFaults(pool, killedWorker, entries, killedPid)),
    };
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    await database.drop();
  }
}

/** Returns the worker that has logged the most. */
function busiest(
  workers: readonly WorkerProcess[],
  entries: readonly StepLogEntry[],
): WorkerProcess {
  const byPid = Map.groupBy(entries, ({ pid }) => pid);
  const logged = ({ child }: WorkerProcess): number => byPid.get(child.pid ?? 0)?.length ?? 0;
  return workers.reduce((most, other) => (logged(other) > logged(most) ? other : most));
}

async function findWorker(pool: BenchDatabase['pool'], pid: number): Promise<string> {
  const { rows } = await pool.query('select id from howdah_private.workers where pid = $1', [pid]);
  return rows[0].id;
}

/**
 * Returns the milliseconds from the kill until the first, and until the last, run of the killed
 * process continued in another process.
 */
function resumeDelays(
  entries: readonly StepLogEntry[],
  killedPid: number,
  killedAt: number,
): { firstMs: number; allMs: number } {
  const byRun = Map.groupBy(entries, ({ run }) => run);
  const waits = [...byRun.values()].flatMap((runEntries) => {
    const last = runEntries.findLastIndex(({ pid }) => pid === killedPid);
    const next = runEntries[last + 1];
    return last >= 0 && next ? [next.at - killedAt] : [];
  });
  if (waits.length === 0) {
    throw new Error('the killed worker had no run to continue');
  }
  return { firstMs: Math.min(...waits), allMs: Math.max(...waits) };
}

/**
 * Waits until all runs have completed, for at most a minute. Returns the time at which the last run
 * completed. The server runs on this machine, so its clock is that of this process.
 */
async function waitForCompletion(pool: BenchDatabase['pool']): Promise<number> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const { rows } = await pool.query(
      `select count(*) filter (where completed_at is null)::int as open,
         extract(epoch from max(completed_at))::float8 * 1000 as last
       from howdah.executions`,
    );
    if (rows[0].open === 0 || performance.now() > deadline) {
      return rows[0].last;
    }
    await sleep(50);
  }
}

/**
 * Counts faults. `lost` are runs that did not complete with all of their calls. `doubled` are calls
 * that were committed twice, calls that another process began although the killed worker had
 * committed them, and violations.
 */
async function countFaults(
  pool: BenchDatabase['pool'],
  killedWorker: string,
  entries: readonly StepLogEntry[],
  killedPid: number,
): Promise<{ lost: number; doubled: number }> {
  const { rows } = await pool.query(
    `select m.execution_id || ' ' || substr(m.tool_call_id, 6) as call, s.worker
     from howdah.messages as m
     join howdah.steps as s on s.execution_id = m.execution_id and s.seq = m.step_seq
     where m.role = 'tool'`,
  );
  const { rows: runs } = await pool.query(
    `select count(*) filter (where status = 'completed')::int as completed,
       (select count(*)::int from howdah.violations) as violations
     from howdah.executions`,
  );
  const calls = new Set(rows.map(({ call }) => call));
  const committedCalls = new Set(
    rows.filter(({ worker }) => worker === killedWorker).map(({ call }) => call),
  );
  const repeatedCalls = entries.filter(
    ({ event, run, index, pid }) =>
      event === 'begin' && pid !== killedPid && committedCalls.has(`${run} ${index}`),
  );
  const missing = RUNS * CALLS_PER_RUN - calls.size;
  return {
    lost: Math.max(RUNS - runs[0].completed, Math.ceil(missing / CALLS_PER_RUN)),
    doubled: rows.length - calls.size + repeatedCalls.length + runs[0].violations,
  };
}
