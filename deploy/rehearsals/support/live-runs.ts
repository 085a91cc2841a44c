import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { type Figure, figure } from '../../../bench/figures.ts';
import { verifyAudit } from '../../../src/db/operations/audit.ts';
import { callTools, insertRun, makeAgent, makeAgentTool } from '../../../test/runtime/arrange.ts';
import { eventually } from '../../../test/support/database.ts';
import { startWorkerProcess, type WorkerProcess } from '../../../test/workers/worker-process.ts';

const COMPLETION_TIMEOUT_MS = 300_000;

/** Starts two workers in processes of their own. */
export function startTwoWorkers(url: string): Promise<WorkerProcess[]> {
  return Promise.all([startWorkerProcess(url), startWorkerProcess(url)]);
}

/** Ends a worker by SIGTERM, as a deploy does. */
export async function drainWorker(worker: WorkerProcess): Promise<void> {
  worker.signal('SIGTERM');
  await worker.ended;
}

/** Insertion of runs that goes on until it is stopped. */
export type LiveRuns = {
  /** Stops the insertion. Resolves to the number of runs. */
  stop(): Promise<number>;
};

/**
 * Inserts `runs` runs of each live state, waits until they have reached it, and continues to insert
 * more. Live runs are active, wait for an answer of a person, for a child, for the turn before
 * theirs, or for a time `laterMs` ahead.
 */
export async function startLiveRuns(
  pool: pg.Pool,
  runs: number,
  laterMs = 20_000,
): Promise<LiveRuns> {
  const { busy, asker, parent } = await makeAgents(pool);
  const { rows } = await pool.query(
    'insert into howdah.sessions (agent_id) values ($1) returning id',
    [busy],
  );
  let count = 0;
  const insert = async (): Promise<void> => {
    const later = new Date(Date.now() + laterMs);
    await insertRun(pool, busy);
    await insertRun(pool, asker);
    await insertRun(pool, parent);
    await insertRun(pool, busy, 'later', { run_at: later });
    count += 4;
  };
  for (let n = 0; n < 3; n += 1) {
    await insertRun(pool, busy, `turn ${n}`, { session_id: rows[0].id });
    count += 1;
  }
  for (let n = 0; n < runs; n += 1) await insert();
  await eventually(
    pool,
    'runs are in every live state',
    `select from howdah.executions as e
     having count(*) filter (where e.status = 'running') > 0
       and count(*) filter (where e.waiting_for = 'question') > 0
       and count(*) filter (where e.waiting_for = 'child') > 0`,
  );
  let isOver = false;
  const inserting = (async () => {
    while (!isOver) {
      await insert();
      await delay(50);
    }
  })();
  return {
    async stop() {
      isOver = true;
      await inserting;
      return count;
    },
  };
}

/** Creates an agent that calls a tool, one that asks a person, and one that calls another agent. */
async function makeAgents(pool: pg.Pool): Promise<{ busy: string; asker: string; parent: string }> {
  // the arguments differ, because a repeated call is stopped as a loop
  const turns = Array.from({ length: 8 }, (_, n) => ({
    ...callTools({ name: 'calculator', arguments: { expression: `6 * ${n}` } }),
    delay_ms: 150,
  }));
  const busy = await makeAgent(pool, {
    script: [...turns, { content: '42' }],
    tools: ['calculator'],
    // with the history, the second turn of a session would start at the end of the script
    use_history: false,
  });
  const asker = await makeAgent(pool, {
    script: [
      callTools({ name: 'ask_user', arguments: { question: 'Which?' } }),
      { content: 'so be it' },
    ],
  });
  await pool.query('update howdah.agents set human_input = true where id = $1', [asker]);
  const tool = await makeAgentTool(pool, busy);
  const parent = await makeAgent(pool, {
    script: [callTools({ name: tool, arguments: { message: 'do it' } }), { content: 'it is done' }],
    tools: [tool],
  });
  return { busy, asker, parent };
}

/**
 * Answers questions until every run has ended. Yields figures of the runs, the audit log and the
 * promises of the database. Their names start with `prefix`.
 */
export async function* completeRuns(
  bench: string,
  prefix: string,
  pool: pg.Pool,
): AsyncGenerator<Figure> {
  await answerQuestions(prefix, pool);
  // only runs of makeAgent count, because some of the generated ones have failed
  const { rows } = await pool.query(
    `select count(*)::int as runs, count(*) filter (where status <> 'completed')::int as failed,
       (select count(*)::int from howdah.check_all()) as violations
     from howdah.executions
     where agent_id in (select id from howdah.agents where name ~ '^agent_[0-9a-f]{12}$')`,
  );
  const { runs, failed, violations } = rows[0];
  const chains = await verifyAudit(pool);
  const broken = chains.filter((chain) => chain.broken !== undefined).length;
  yield figure(bench, `${prefix}_runs_ended`, runs, 'runs');
  yield figure(bench, `${prefix}_runs_failed`, failed, 'runs', { atMost: 0 });
  yield figure(bench, `${prefix}_promises_broken`, violations, 'found', { atMost: 0 });
  yield figure(bench, `${prefix}_audit_broken`, broken, 'chains', { atMost: 0 });
}

async function answerQuestions(server: string, pool: pg.Pool): Promise<void> {
  const deadline = Date.now() + COMPLETION_TIMEOUT_MS;
  for (;;) {
    const { rows } = await pool.query(
      `select
         (select count(*)::int from howdah.executions where completed_at is null) as live,
         (select count(howdah.answer_question(q.id, 'red'))
          from howdah.questions as q where q.status = 'open')`,
    );
    if (rows[0].live === 0) return;
    if (Date.now() > deadline) {
      throw new Error(`${rows[0].live} runs of the ${server} server have not ended`);
    }
    await delay(200);
  }
}
