import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bench, BenchContext } from '../bench.ts';
import { BENCH_AGENT } from '../processes/engine.ts';
import { type Figure, figure } from '../figures.ts';
import { CALLS, waitUntilHalfDone, RUNS } from '../processes/crash-workload.ts';
import { measurePeerRecovery, type PeerRecovery } from './peer-recovery.ts';
import type { BenchDatabase } from '../server.ts';
import { readStepLog, type StepLogEntry, countRepeats } from '../processes/step-log.ts';
import { PEERS } from '../systems.ts';
import { startWorkerProcess } from '../processes/worker-process.ts';

const TIMEOUT_MS = 60_000;

type Recovery = {
  firstMs: number;
  allMs: number;
  completeMs: number;
  again: number;
  lost: number;
  doubled: number;
};

/** Kills a worker process in the middle of 200 runs, with another one that runs already, and with one that starts then. */
export const recovery: Bench = async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-recovery-'));
  const ours: Recovery[] = [];
  const peers = new Map<string, PeerRecovery[]>();
  try {
    for (let round = 1; round <= context.rounds(3); round += 1) {
      for (const isRunning of [true, false]) {
        const log = join(folder, `${round}-${isRunning}.log`);
        const found = await measureEngine(context, log, isRunning);
        ours.push(found);
        context.talk(`${isRunning ? 'running' : 'started'}: ${JSON.stringify(found)}`);
      }
      // One round of peers: each takes up to half a minute.
      for (const { name } of PEERS.filter((one) => round === 1 && context.has(one.name))) {
        try {
          const found = await measurePeerRecovery(context, name, join(folder, `${name}.log`));
          peers.set(name, [found]);
          context.talk(`${name}: ${JSON.stringify(found)}`);
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
  const of = (what: keyof Recovery): number[] => rounds.map((round) => round[what]);
  const total = (what: keyof Recovery): number => of(what).reduce((sum, value) => sum + value, 0);
  return [
    figure('recovery', 'recovery_ms_max', Math.max(...of('firstMs')), 'ms', { atMost: 2000 }),
    figure('recovery', 'recovery_ms', of('firstMs'), 'ms', { atMost: 2000 }),
    figure('recovery', 'recovery_all_resumed_ms', of('allMs'), 'ms'),
    figure('recovery', 'recovery_complete_ms', of('completeMs'), 'ms'),
    figure('recovery', 'recovery_lost', total('lost'), 'runs', { atMost: 0 }),
    figure('recovery', 'recovery_doubled', total('doubled'), 'calls', { atMost: 0 }),
    figure('recovery', 'recovery_begun_again', of('again'), 'calls'),
  ];
}

function peerFigures(name: string, rounds: PeerRecovery[]): Figure[] {
  const of = (what: keyof PeerRecovery): number[] => rounds.map((round) => round[what]);
  const at = { role: 'peer' } as const;
  return [
    figure('recovery', `${name}_recovery_ms`, of('firstMs'), 'ms', at),
    figure('recovery', `${name}_recovery_complete_ms`, of('completeMs'), 'ms', at),
    figure('recovery', `${name}_recovery_unfinished`, of('unfinished'), 'runs', at),
    figure('recovery', `${name}_recovery_begun_again`, of('again'), 'calls', at),
    figure('recovery', `${name}_recovery_ended_again`, of('endedAgain'), 'calls', at),
  ];
}

async function measureEngine(
  { server }: BenchContext,
  log: string,
  isRunning: boolean,
): Promise<Recovery> {
  const database = await server.createDatabase();
  const order = { url: database.url, concurrency: RUNS, log };
  writeFileSync(log, '');
  const first = await startWorkerProcess(order);
  const standby = isRunning ? startWorkerProcess(order) : undefined;
  let second = await standby;
  try {
    const { pool } = database;
    await pool.query(BENCH_AGENT);
    const dead = await workerOf(pool, first.child.pid);
    await pool.query(
      `insert into howdah.executions (agent_id, input)
       select howdah.agent('bench'), $1 || ' ping' from generate_series(1, $2::int)`,
      [CALLS, RUNS],
    );
    await waitUntilHalfDone(log);
    const killedAt = Date.now();
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    second ??= await startWorkerProcess(order);
    const completeMs = (await waitForCompletion(pool)) - killedAt;
    const notes = readStepLog(log);
    return {
      ...resumeDelays(notes, first.child.pid ?? 0, killedAt),
      completeMs,
      again: countRepeats(notes, 'begin'),
      ...(await faults(pool, dead, notes, first.child.pid ?? 0)),
    };
  } finally {
    first.child.kill('SIGKILL');
    await second?.stop();
    await database.drop();
  }
}

async function workerOf(pool: BenchDatabase['pool'], pid: number | undefined): Promise<string> {
  const { rows } = await pool.query('select id from howdah_private.workers where pid = $1', [pid]);
  return rows[0].id;
}

/** When the first, and when the last of the runs that the dead process held went on elsewhere. */
function resumeDelays(
  notes: readonly StepLogEntry[],
  deadPid: number,
  killedAt: number,
): { firstMs: number; allMs: number } {
  const byRun = Map.groupBy(notes, ({ run }) => run);
  const waits = [...byRun.values()].flatMap((ofRun) => {
    const last = ofRun.findLastIndex(({ pid }) => pid === deadPid);
    const next = ofRun[last + 1];
    return last >= 0 && next ? [next.at - killedAt] : [];
  });
  if (waits.length === 0) {
    throw new Error('the killed worker held no run');
  }
  return { firstMs: Math.min(...waits), allMs: Math.max(...waits) };
}

/** The time by this machine's clock, which is the database's too, when the last run completed. */
async function waitForCompletion(pool: BenchDatabase['pool']): Promise<number> {
  const until = performance.now() + TIMEOUT_MS;
  for (;;) {
    const { rows } = await pool.query(
      `select count(*) filter (where completed_at is null)::int as open,
         extract(epoch from max(completed_at))::float8 * 1000 as last
       from howdah.executions`,
    );
    if (rows[0].open === 0 || performance.now() > until) {
      return rows[0].last;
    }
    await sleep(50);
  }
}

/**
 * Runs that did not complete with all of their calls; and calls in the log twice, or begun by another process although
 * the dead one had committed them.
 */
async function faults(
  pool: BenchDatabase['pool'],
  dead: string,
  notes: readonly StepLogEntry[],
  deadPid: number,
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
  const byDead = new Set(rows.filter(({ worker }) => worker === dead).map(({ call }) => call));
  const beganAgain = notes.filter(
    ({ what, run, index, pid }) =>
      what === 'begin' && pid !== deadPid && byDead.has(`${run} ${index}`),
  );
  const missing = RUNS * CALLS - calls.size;
  return {
    lost: Math.max(RUNS - runs[0].completed, Math.ceil(missing / CALLS)),
    doubled: rows.length - calls.size + beganAgain.length + runs[0].violations,
  };
}
