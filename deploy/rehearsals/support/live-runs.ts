import { setTimeout as pause } from 'node:timers/promises';
import type pg from 'pg';
import { type Figure, figure } from '../../../bench/figures.ts';
import { verifyAudit } from '../../../src/db/operations/audit.ts';
import { calling, insertRun, makeAgent, makeAgentTool } from '../../../test/runtime/arrange.ts';
import { eventually } from '../../../test/support/database.ts';
import { startWorkerProcess, type WorkerProcess } from '../../../test/workers/child.ts';

/** Two workers in processes of their own. */
export function twoWorkers(url: string): Promise<WorkerProcess[]> {
  return Promise.all([startWorkerProcess(url), startWorkerProcess(url)]);
}

/** Ends a worker as a deploy does. */
export async function drain(worker: WorkerProcess): Promise<void> {
  worker.signal('SIGTERM');
  await worker.ended;
}

/** Runs of every way to be live: that work, that ask a person, that wait for a child, for their turn, for their time. */
export async function beginLoad(
  pool: pg.Pool,
  runs: number,
  laterMs = 20_000,
): Promise<{ end(): Promise<number> }> {
  // other arguments each time: the same call again and again is stopped as a loop
  const turns = Array.from({ length: 8 }, (_, n) => ({
    ...calling({ name: 'calculator', arguments: { expression: `6 * ${n}` } }),
    delay_ms: 150,
  }));
  const busy = await makeAgent(pool, {
    script: [...turns, { content: '42' }],
    tools: ['calculator'],
    use_history: false, // or its script would be over in the second turn of a session
  });
  const asker = await makeAgent(pool, {
    script: [
      calling({ name: 'ask_user', arguments: { question: 'Which?' } }),
      { content: 'so be it' },
    ],
  });
  await pool.query('update howdah.agents set human_input = true where id = $1', [asker]);
  const tool = await makeAgentTool(pool, busy);
  const parent = await makeAgent(pool, {
    script: [calling({ name: tool, arguments: { message: 'do it' } }), { content: 'it is done' }],
    tools: [tool],
  });
  const session = (
    await pool.query('insert into howdah.sessions (agent_id) values ($1) returning id', [busy])
  ).rows[0].id;
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
    await insertRun(pool, busy, `turn ${n}`, { session_id: session });
    count += 1;
  }
  for (let n = 0; n < runs; n += 1) await insert();
  await eventually(
    pool,
    'there are runs of every way to be live',
    `select from howdah.executions as e having count(*) filter (where e.status = 'running') > 0
       and count(*) filter (where e.waiting_for = 'question') > 0 and count(*) filter (where e.waiting_for = 'child') > 0`,
  );
  let isOver = false;
  const coming = (async () => {
    while (!isOver) {
      await insert();
      await pause(50);
    }
  })();
  return {
    async end() {
      isOver = true;
      await coming;
      return count;
    },
  };
}

/** Answers what is asked until every run has ended; tells what is broken then. */
export async function* finish(bench: string, which: string, pool: pg.Pool): AsyncGenerator<Figure> {
  const end = Date.now() + 300_000;
  for (;;) {
    const { rows } = await pool.query(
      `select (select count(*)::int from howdah.executions where completed_at is null) as live,
         (select count(howdah.answer_question(q.id, 'red')) from howdah.questions as q where q.status = 'open')`,
    );
    if (rows[0].live === 0) break;
    if (Date.now() > end) throw new Error(`${rows[0].live} runs of the ${which} have not ended`);
    await pause(200);
  }
  const { rows } = await pool.query(
    `select count(*)::int as runs, count(*) filter (where status <> 'completed')::int as failed,
       (select count(*)::int from howdah.check_all()) as broken
     from howdah.executions where agent_id in (select id from howdah.agents where name ~ '^agent_[0-9a-f]{12}$')`,
  ); // those of makeAgent: some of the generated ones have failed
  const { runs, failed, broken } = rows[0];
  const chains = await verifyAudit(pool);
  const cut = chains.filter((chain) => chain.broken !== undefined).length;
  yield figure(bench, `${which}_runs_ended`, runs, 'runs');
  yield figure(bench, `${which}_runs_failed`, failed, 'runs', { atMost: 0 });
  yield figure(bench, `${which}_promises_broken`, broken, 'found', { atMost: 0 });
  yield figure(bench, `${which}_audit_broken`, cut, 'chains', { atMost: 0 });
}
