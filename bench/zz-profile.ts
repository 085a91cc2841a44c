import { startServer } from './server.ts';
const server = await startServer(process.env.BENCH_PG_URL);
const db = await server.createDatabase();
const c = await db.pool.connect();
const q = (t: string, v: unknown[] = []) => c.query(t, v);
const N = Number(process.env.N ?? 500);
try {
  await q(`insert into howdah.agents (name, instruction) values ('bench', 'x')`);
  await q(`insert into howdah.executions (agent_id, input) select howdah.agent('bench'), 'x' from generate_series(1, $1)`, [N]);
  await q('analyze howdah.executions');
  await q(`set track_functions = 'all'`);
  await q(`set plan_cache_mode = ${process.env.MODE ?? 'auto'}`);
  for (const what of (process.env.WHAT ?? 'pause,resume,cancel,retry,cancel').split(',')) {
    await q('select pg_stat_force_next_flush()'); 
    await q('select pg_stat_reset()');
    const a = performance.now();
    await q(`select count(*) from (select howdah.${what}_execution(id) from howdah.executions offset 0) as t`);
    console.log(what, ((performance.now() - a) / N).toFixed(2), 'ms per run');
    await q('select pg_stat_force_next_flush()');
    const { rows } = await q(`select schemaname || '.' || funcname as f, calls, round(self_time::numeric / ${N}, 3) as self_ms_per_run from pg_stat_user_functions order by self_time desc limit 9`);
    for (const r of rows) console.log('   ', r.self_ms_per_run, r.calls, r.f);
  }
} finally {
  c.release();
  await db.drop();
  await server.stop();
}
