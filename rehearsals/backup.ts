import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type Figure, figure } from '../bench/figures.ts';
import { verifyAudit } from '../src/db/audit.ts';
import { calling, insertRun, makeAgent, makeAgentTool } from '../test/runtime/arrange.ts';
import { eventually } from '../test/support/database.ts';
import { startWorkerProcess, type WorkerProcess } from '../test/workers/child.ts';
import { fullPostgres, startFullServer } from './support/full-servers.ts';
import { howdah } from './support/howdah.ts';

export const title =
  'a backup while workers run, restored into a second server, where everything comes to its end';

type Options = { words: readonly string[]; talk(line: string): void };
type Backup = { bytes: number; seconds: number; live_runs: Record<string, number> };
type Restored = { seconds: number; findings: { check: string; ok: boolean; found: string }[] };

/**
 * `--runs N`: so many live runs of each kind before the backup begins, and more while it lasts; `--history N`: so many finished
 * ones before. Its servers are of the PostgreSQL that pg_dump is found of.
 */
export async function* run({ words, talk }: Options): AsyncGenerator<Figure> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      runs: { type: 'string', default: '100' },
      history: { type: 'string', default: '20000' },
    },
  });
  const pgBin = fullPostgres();
  if (pgBin === undefined) {
    throw new Error('there is no PostgreSQL with pg_dump here: name its folder by HOWDAH_PG_BIN');
  }
  const folder = mkdtempSync(join(tmpdir(), 'howdah-rehearsal-'));
  const [first, second] = await Promise.all([startFullServer(pgBin), startFullServer(pgBin)]);
  const pools = [first, second].map(({ url }) => new pg.Pool({ connectionString: url, max: 8 }));
  for (const pool of pools) pool.on('error', () => {});
  const workers: WorkerProcess[] = [];
  try {
    const [here, there] = pools as [pg.Pool, pg.Pool];
    await howdah(first.url, 'migrate', 'up');
    if (Number(values.history) > 0) {
      talk(`writing ${values.history} finished runs`);
      await howdah(first.url, 'generate', '--executions', values.history, '--days', '60');
    }
    workers.push(...(await twoWorkers(first.url)));
    const load = await beginLoad(here, Number(values.runs));
    const file = join(folder, 'rehearsal.dump');
    talk('backing up while workers run and runs come in');
    const backup = await howdah<Backup>(first.url, 'backup', file, '--pg-bin', pgBin);
    const came = await load.end();
    talk(`${came} runs came in; live in the backup: ${JSON.stringify(backup.live_runs)}`);
    yield figure('backup', 'backup_seconds', backup.seconds, 's');
    yield figure('backup', 'backup_mb', backup.bytes / 1e6, 'MB');
    for (const status of ['queued', 'running', 'waiting']) {
      const live = backup.live_runs[status] ?? 0;
      yield figure('backup', `live_in_backup_${status}`, live, 'runs', { atLeast: 1 });
    }
    talk('letting the first come to its end');
    yield* finish('first', here);
    await Promise.all(workers.splice(0).map(drained));

    talk('restoring into a second server');
    const restored = await howdah<Restored>(second.url, 'restore', file, '--pg-bin', pgBin);
    yield figure('backup', 'restore_seconds', restored.seconds, 's');
    const bad = restored.findings.filter(({ ok }) => !ok);
    for (const { check, found } of bad) talk(`${check}: ${found}`);
    yield figure('backup', 'restore_findings', bad.length, 'found', { atMost: 0 });
    const begun = performance.now();
    workers.push(...(await twoWorkers(second.url)));
    yield* finish('second', there);
    yield figure('backup', 'live_to_end_seconds', (performance.now() - begun) / 1000, 's');
    yield* compare(here, there);
  } finally {
    for (const worker of workers) worker.signal('SIGKILL');
    await Promise.all(pools.map((pool) => pool.end()));
    await Promise.all([first.stop(), second.stop()]);
    rmSync(folder, { recursive: true, force: true });
  }
}

function twoWorkers(url: string): Promise<WorkerProcess[]> {
  return Promise.all([startWorkerProcess(url), startWorkerProcess(url)]);
}

async function drained(worker: WorkerProcess): Promise<void> {
  worker.signal('SIGTERM');
  await worker.ended;
}

/** Runs of every way to be live: that work, that ask a person, that wait for a child, for their turn, for their time. */
async function beginLoad(pool: pg.Pool, runs: number): Promise<{ end(): Promise<number> }> {
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
    const later = new Date(Date.now() + 20_000);
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
async function* finish(which: string, pool: pg.Pool): AsyncGenerator<Figure> {
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
  const chains = await verifyAudit(pool, []);
  const cut = chains.filter((chain) => chain.broken !== undefined).length;
  yield figure('backup', `${which}_runs_ended`, runs, 'runs');
  yield figure('backup', `${which}_runs_failed`, failed, 'runs', { atMost: 0 });
  yield figure('backup', `${which}_promises_broken`, broken, 'found', { atMost: 0 });
  yield figure('backup', `${which}_audit_broken`, cut, 'chains', { atMost: 0 });
}

/** Each run of the second came to the same end as in the first, with as many steps. */
async function* compare(here: pg.Pool, there: pg.Pool): AsyncGenerator<Figure> {
  const text = `select e.id, e.status::text || ' ' || e.step_count || ' ' || md5(coalesce(e.output, '')) || ' ' || (
      select string_agg(s.kind::text, ' ' order by s.seq) from howdah.steps as s where s.execution_id = e.id) as what
    from howdah.executions as e`;
  const known = new Map((await here.query(text)).rows.map(({ id, what }) => [id, what]));
  const { rows } = await there.query(text);
  const other = rows.filter(({ id, what }) => known.get(id) !== what);
  // a child that had not begun is another run in each: it is the work of both
  const strange = other.filter(({ id }) => known.has(id));
  yield figure('backup', 'same_in_both', rows.length - other.length, 'runs');
  yield figure('backup', 'other_end_in_second', strange.length, 'runs', { atMost: 0 });
}

if (import.meta.main) {
  for await (const one of run({
    words: process.argv.slice(2),
    talk: (line) => console.error(`   ${line}`),
  })) {
    console.log(
      `${one.figure.padEnd(28)} ${one.value} ${one.unit} ${one.bound ?? ''} ${one.holds ?? ''}`,
    );
    if (one.holds === false) process.exitCode = 1;
  }
}
