import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  claim,
  commit,
  completed,
  failed,
  finish,
  isBlocked,
  makeAgent,
  makeModel,
  makeRun,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  openSession,
} from '../support.ts';

// Compares the views over the rollup with the same figures computed directly from runs and steps,
// after every step of random histories. Rows of deleted runs are kept aside for the direct figures.

const db = testDatabase({ violates: true }); // makes runs that ended before the rollup existed
let worker: string;

beforeAll(async () => {
  worker = await makeWorker(db.pool);
  await db.pool.query(`create table public.gone_runs (like howdah.executions);
    create table public.gone_steps (like howdah.steps)`);
});

const RUNS = `(select * from howdah.executions union all select * from public.gone_runs)`;
const STEPS = `(select * from howdah.steps union all select * from public.gone_steps)`;
const OWN_STEPS = `${STEPS} as s join ${RUNS} as e on e.id = s.execution_id and s.tenant_id = $1
  and s.seq > coalesce(e.forked_from_seq, 0)`;

/** Each view, and the same figures from runs and steps. */
const FIGURES: Record<string, { view: string; direct: string }> = {
  daily_usage: {
    view: `select day::text, agent_id, runs::int, completed::int, failed::int, success_rate::float, steps::int,
        tokens_in::int, tokens_out::int, cost::float from howdah.daily_usage where tenant_id = $1 order by 1, 2`,
    direct: `select ((created_at at time zone 'UTC')::date)::text as day, agent_id, count(*)::int as runs,
        count(*) filter (where status = 'completed')::int as completed, count(*) filter (where status = 'failed')::int as failed,
        round(count(*) filter (where status = 'completed') / nullif(count(*) filter (where completed_at is not null), 0)::numeric, 4)::float as success_rate,
        sum(step_count - coalesce(forked_from_seq, 0))::int as steps, sum(tokens_in)::int as tokens_in,
        sum(tokens_out)::int as tokens_out, sum(cost)::float as cost
      from ${RUNS} as e where tenant_id = $1 and compensates_execution_id is null group by 1, 2 order by 1, 2`,
  },
  agent_performance: {
    view: `select agent_id, version, runs::int, completed::int, failed::int, cancelled::int, steps_per_run::float, cost::float
      from howdah.agent_performance where tenant_id = $1 order by 1, 2`,
    direct: `select e.agent_id, v.version, count(*)::int as runs, count(*) filter (where status = 'completed')::int as completed,
        count(*) filter (where status = 'failed')::int as failed, count(*) filter (where status = 'cancelled')::int as cancelled,
        round(sum(step_count - coalesce(forked_from_seq, 0)) / count(*)::numeric, 2)::float as steps_per_run, sum(e.cost)::float as cost
      from ${RUNS} as e join howdah.agent_versions as v on v.id = e.agent_version_id
      where e.tenant_id = $1 group by 1, 2 order by 1, 2`,
  },
  tool_performance: {
    view: `select tool, calls::int, errors::int, success_rate::float, cached_calls::int, seconds_p50 is null as has_no_time
      from howdah.tool_performance where tenant_id = $1 order by 1`,
    direct: `select x.tool, x.calls::int, x.errors::int, round((x.calls - x.errors) / nullif(x.calls, 0)::numeric, 4)::float as success_rate,
        x.cached_calls::int, x.calls = 0 as has_no_time
      from (
        select s.name as tool, count(*) filter (where s.annotations is null) as calls, count(s.error) as errors,
          count(*) filter (where s.annotations ? 'cached_from') as cached_calls
        from ${OWN_STEPS} where s.kind = 'tool' and s.call_id <> 'route' group by 1
      ) as x order by 1`,
  },
  model_usage: {
    view: `select model_id, answers::int, failed_attempts::int, tokens_in::int, tokens_out::int, cost::float, cached_tokens::int,
        cache_write_tokens::int, estimated_attempts::int, cached_answers::int from howdah.model_usage where tenant_id = $1 order by 1`,
    direct: `select s.model_id, count(*) filter (where s.kind = 'model' and not s.output ? 'cached_from')::int as answers,
        count(*) filter (where s.kind = 'retry')::int as failed_attempts, sum(s.tokens_in)::int as tokens_in,
        sum(s.tokens_out)::int as tokens_out, sum(s.cost)::float as cost,
        sum(howdah_private.cached_tokens(s.output -> 'usage', s.tokens_in))::int as cached_tokens,
        sum(howdah_private.cache_write_tokens(s.output -> 'usage', s.tokens_in))::int as cache_write_tokens,
        count(*) filter (where s.output #> '{usage,estimated}' = 'true')::int as estimated_attempts,
        count(*) filter (where s.output ? 'cached_from')::int as cached_answers
      from ${OWN_STEPS} where s.model_id is not null group by 1 order by 1`,
  },
  usage_by_day: {
    view: `select outcome, sum(runs)::int as runs, sum(calls)::int as calls, sum(tokens_in)::int as tokens_in
      from howdah.usage_by_day where tenant_id = $1 group by 1 order by 1`,
    direct: `select outcome, sum(runs)::int as runs, sum(calls)::int as calls, sum(tokens)::int as tokens_in from (
        select case when completed_at is not null then status::text end as outcome, 1 as runs, 0 as calls, 0 as tokens
        from ${RUNS} as e where tenant_id = $1
        union all
        select case when s.error is null then 'ok' else 'error' end, 0, 1, s.tokens_in
        from ${OWN_STEPS} where s.model_id is not null or (s.kind = 'tool' and s.call_id <> 'route')
      ) as x group by 1 order by 1`,
  },
};

const rounded = (rows: Record<string, unknown>[]) =>
  rows.map((row) => ({ ...row, ...('cost' in row && { cost: Number(row.cost).toFixed(9) }) }));

async function expectSame(tenant_id: string, after: string): Promise<void> {
  for (const [name, { view, direct }] of Object.entries(FIGURES)) {
    const seen = rounded(await all(db.pool, view, [tenant_id]));
    const expected = rounded(await all(db.pool, direct, [tenant_id]));
    expect({ after, name, rows: seen }).toEqual({ after, name, rows: expected });
  }
}

/** Returns a generator of whole numbers below a limit, repeatable by its seed. */
function createRandom(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type World = { tenant_id: string; agents: string[]; model_id: string; user_id: string };

async function makeWorld(): Promise<World> {
  const tenant_id = await makeTenant(db.pool);
  const agents = [await makeAgent(db.pool, { tenant_id }), await makeAgent(db.pool, { tenant_id })];
  const model_id = await makeModel(db.pool, { tenant_id, input_price: 2.5, output_price: 10 });
  const user_id = (await makeUser(db.pool, { tenant_id })).id;
  return { tenant_id, agents, model_id, user_id };
}

const error = { code: 'timeout', message: 'too late' };

function randomSteps({ model_id }: World, random: (below: number) => number) {
  const usage = { cached_tokens: random(50), cache_write_tokens: random(50) };
  const model = { kind: 'model', model_id, tokens_in: random(100), tokens_out: random(100) };
  const tool = { kind: 'tool', name: `tool_${random(2)}`, call_id: 'a', effect: 'pure' };
  const cached_from = { execution_id: randomUUID(), seq: 2 };
  const kinds = [
    { ...model, output: { usage } },
    { ...tool, annotations: { cached_from } },
    { ...tool, name: 'only_cached', annotations: { cached_from } },
    { ...model, output: { usage: { ...usage, estimated: true } } },
    { ...model, tokens_in: 0, tokens_out: 0, output: { cached_from } },
    { ...model, kind: 'retry', tokens_out: 0, error },
    tool,
    { ...tool, error },
    { ...tool, name: 'route', call_id: 'route' },
  ];
  return Array.from({ length: random(5) }, () => kinds[random(kinds.length)] as object);
}

/** Claims a run, commits random steps, and ends the run if `to` is given. */
async function advance(world: World, id: string, random: (below: number) => number, to?: object) {
  const [claimed] = await claim(db.pool, worker, [id]);
  const [result] = await commit(db.pool, worker, [
    {
      ...{ id, fence: claimed?.fence as number, after: claimed?.step_count as number },
      steps: [...randomSteps(world, random), { kind: 'output', output: 'x' }] as never,
      ...(to && { to: { ...to } }),
    },
  ]);
  if (result?.outcome !== 'committed') throw new Error(`not committed: ${result?.outcome}`);
}

async function deleteRun(id: string): Promise<void> {
  await db.pool.query(
    'insert into public.gone_runs select * from howdah.executions where id = $1',
    [id],
  );
  await db.pool.query(
    'insert into public.gone_steps select * from howdah.steps where execution_id = $1',
    [id],
  );
  await db.pool.query('select howdah_private.delete_runs(array[$1::uuid])', [id]);
}

/** Makes an ended run look as if it had ended before the rollup existed. */
async function makeLegacy(id: string): Promise<void> {
  await db.pool.query('delete from howdah_private.usage_events where execution_id = $1', [id]);
  await db.pool.query('update howdah.executions set counted_steps = null where id = $1', [id]);
}

/** Makes the backfill reach an id, as if runs after it still had to be counted. */
async function setBackfill(reached: string): Promise<void> {
  await db.pool.query(`delete from howdah_private.backfills`);
  await db.pool.query(`insert into howdah_private.backfills (name, reached) values ('usage', $1)`, [
    reached,
  ]);
}

const ACTIONS: Record<
  string,
  (
    world: World,
    runs: { live: string[]; ended: string[] },
    random: (below: number) => number,
  ) => Promise<unknown>
> = {
  start: async (world, runs, random) => {
    const { tenant_id, agents, user_id } = world;
    const columns = { tenant_id, agent_id: agents[random(2)], ...(random(2) && { user_id }) };
    runs.live.push(await makeRun(db.pool, columns));
  },
  end: async (world, runs, random) => {
    const [id] = runs.live.splice(random(runs.live.length), 1);
    if (!id) return;
    await advance(world, id, random, random(3) > 0 ? completed : failed);
    runs.ended.push(id);
  },
  cancel: async (_world, runs, random) => {
    const [id] = runs.live.splice(random(runs.live.length), 1);
    if (!id) return;
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    runs.ended.push(id);
  },
  retry: async (_world, runs) => {
    const { rows } = await db.pool.query(
      `select id from howdah.executions where id = any ($1) and status in ('failed', 'cancelled')
         and contents_erased_at is null order by id limit 1`,
      [runs.ended],
    );
    if (!rows[0]) return;
    await db.pool.query('select howdah.retry_execution($1)', [rows[0].id]);
    runs.ended.splice(runs.ended.indexOf(rows[0].id), 1);
    runs.live.push(rows[0].id);
  },
  fork: async (_world, runs, random) => {
    const id = runs.ended[random(runs.ended.length)];
    if (!id) return;
    const { rows } = await db.pool.query(
      `select id from howdah.executions where id = $1 and step_count > 0 and contents_erased_at is null`,
      [id],
    );
    if (!rows[0]) return;
    runs.live.push((await one(db.pool, 'select id from howdah.fork_execution($1, 1)', [id])).id);
  },
  erase: async (_world, runs, random) => {
    const id = runs.ended[random(runs.ended.length)];
    if (id) await db.pool.query('select howdah_private.erase_runs(array[$1::uuid])', [id]);
  },
  delete: async (_world, runs, random) => {
    const [id] = runs.ended.splice(random(runs.ended.length), 1);
    if (id) await deleteRun(id);
  },
  count: (_world, _runs, random) =>
    db.pool.query('select howdah_private.count_usage($1)', [1 + random(3)]),
  backfill: () => db.pool.query('select howdah_private.backfill_usage(1)'),
  merge: () => db.pool.query('select howdah_private.merge_usage(1)'),
};

test.each([1, 2, 3])('views show the same as runs and steps, seed %i', async (seed) => {
  const random = createRandom(seed);
  const world = await makeWorld();
  const runs = { live: [] as string[], ended: [] as string[] };
  await setBackfill((await one(db.pool, 'select howdah.uuid_v7() as id')).id);
  for (let n = 0; n < 6; n += 1) {
    const id = await makeRun(db.pool, {
      ...{ tenant_id: world.tenant_id, agent_id: world.agents[0] },
    });
    await advance(world, id, random, n % 2 ? failed : completed);
    await makeLegacy(id);
    runs.ended.push(id);
  }
  await expectSame(world.tenant_id, 'legacy');
  const names = [...Object.keys(ACTIONS), 'start', 'start', 'end', 'end', 'count', 'retry'];
  for (let n = 0; n < 45; n += 1) {
    const name = names[random(names.length)] as string;
    await ACTIONS[name]?.(world, runs, random);
    await expectSame(world.tenant_id, `${n} ${name}`);
  }
  for (const id of runs.live.splice(0)) await advance(world, id, random, completed);
  while ((await one(db.pool, 'select howdah_private.backfill_usage() as n')).n > 0);
  while ((await one(db.pool, 'select howdah_private.count_usage() as n')).n > 0);
  while ((await one(db.pool, 'select howdah_private.merge_usage(1) as is_more')).is_more);
  await expectSame(world.tenant_id, 'all');
  expect(await all(db.pool, 'select * from howdah_private.usage_events')).toEqual([]);
});

describe('events of runs', () => {
  const eventsOf = (id: string) =>
    all(
      db.pool,
      `select sign, status, first_seq, last_seq, steps from howdah_private.usage_events
       where execution_id = $1 order by moves`,
      [id],
    );

  test('a retry takes the run back, and its steps count once', async () => {
    const { tenant_id, agents } = await makeWorld();
    const id = await makeRun(db.pool, { tenant_id, agent_id: agents[0] });
    await finish(db.pool, worker, id, failed);
    const { steps } = await one(
      db.pool,
      'select step_count as steps from howdah.executions where id = $1',
      [id],
    );
    await db.pool.query('select howdah.retry_execution($1)', [id]);
    await finish(db.pool, worker, id);
    const all_steps = (await eventsOf(id)).at(-1)?.last_seq;
    expect(await eventsOf(id)).toEqual([
      { sign: 1, status: 'failed', first_seq: 0, last_seq: steps, steps },
      { sign: -1, status: 'failed', first_seq: 0, last_seq: 0, steps },
      {
        ...{ sign: 1, status: 'completed', first_seq: steps, last_seq: all_steps },
        steps: all_steps,
      },
    ]);
  });

  test('two transactions count each event once', async () => {
    const { tenant_id, agents } = await makeWorld();
    while ((await one(db.pool, 'select howdah_private.count_usage() as n')).n > 0);
    for (let n = 0; n < 6; n += 1) {
      await finish(db.pool, worker, await makeRun(db.pool, { tenant_id, agent_id: agents[0] }));
    }
    const [first, second] = [await openSession(db.url), await openSession(db.url)];
    const count = 'select howdah_private.count_usage(4) as n';
    try {
      await first.query('begin');
      expect((await first.query(count)).rows).toEqual([{ n: 4 }]);
      expect((await second.query(count)).rows).toEqual([{ n: 2 }]); // skips, does not wait
      await expectSame(tenant_id, 'before the commit');
      await first.query('commit');
    } finally {
      await first.end();
      await second.end();
    }
    await expectSame(tenant_id, 'after the commit');
  });

  test('the end of a run does not wait for another end, a count or a merge', async () => {
    const { tenant_id, agents } = await makeWorld();
    const run = { tenant_id, agent_id: agents[0] };
    await finish(db.pool, worker, await makeRun(db.pool, run));
    const [counter, merger] = [await openSession(db.url), await openSession(db.url)];
    try {
      await counter.query('begin');
      await counter.query('select howdah_private.count_usage()');
      await merger.query('begin');
      await merger.query('select howdah_private.merge_usage(1)');
      await finish(db.pool, worker, await makeRun(db.pool, run)); // would time out
      await expectSame(tenant_id, 'meanwhile');
      await counter.query('commit');
      await merger.query('commit');
    } finally {
      await counter.end();
      await merger.end();
    }
    await expectSame(tenant_id, 'afterwards');
  });

  test('a row that is inserted as ended counts', async () => {
    const { tenant_id, agents } = await makeWorld();
    await db.pool.query(
      `insert into howdah.executions (id, root_execution_id, tenant_id, agent_id, agent_version_id, input, status, stop_reason,
         output, step_count, max_steps, max_seconds, created_by, completed_at)
       select x.id, x.id, a.tenant_id, a.id, a.current_version_id, 'x', 'completed', 'final_answer', 'y', 3, 1, 1, 'me', now()
       from howdah.agents as a cross join (select howdah.uuid_v7() as id) as x where a.id = $1`,
      [agents[0]],
    );
    await expectSame(tenant_id, 'waiting');
    await db.pool.query('select howdah_private.count_usage()');
    await expectSame(tenant_id, 'counted');
  });
});

describe('runs that ended before the rollup existed', () => {
  test('a retry waits for the backfill that counts the run, and then takes it back', async () => {
    const { tenant_id, agents } = await makeWorld();
    const { id: before } = await one(db.pool, 'select howdah.uuid_v7() as id');
    const id = await makeRun(db.pool, { tenant_id, agent_id: agents[0] });
    await finish(db.pool, worker, id, failed);
    await makeLegacy(id);
    await setBackfill(before);
    const [backfill, retry] = [await openSession(db.url), await openSession(db.url)];
    try {
      await backfill.query('begin');
      expect((await backfill.query('select howdah_private.backfill_usage() as n')).rows).toEqual([
        { n: 1 },
      ]);
      const retried = retry.query('select howdah.retry_execution($1)', [id]);
      await isBlocked(db.pool, retry);
      await backfill.query('commit');
      await retried;
    } finally {
      await backfill.end();
      await retry.end();
    }
    await expectSame(tenant_id, 'retried');
    await finish(db.pool, worker, id);
    while ((await one(db.pool, 'select howdah_private.count_usage() as n')).n > 0);
    await expectSame(tenant_id, 'ended again');
  });

  test('the backfill waits for a transaction that retries such a run, and leaves it out', async () => {
    const { tenant_id, agents } = await makeWorld();
    const { id: before } = await one(db.pool, 'select howdah.uuid_v7() as id');
    const id = await makeRun(db.pool, { tenant_id, agent_id: agents[0] });
    await finish(db.pool, worker, id, failed);
    await makeLegacy(id);
    await setBackfill(before);
    const [backfill, retry] = [await openSession(db.url), await openSession(db.url)];
    try {
      await retry.query('begin');
      await retry.query('select howdah.retry_execution($1)', [id]);
      const batch = backfill.query('select howdah_private.backfill_usage() as n');
      await isBlocked(db.pool, backfill);
      await retry.query('commit');
      expect((await batch).rows).toEqual([{ n: 0 }]); // the run is live, and no other is left
    } finally {
      await backfill.end();
      await retry.end();
    }
    expect(await all(db.pool, 'select from howdah_private.backfills')).toEqual([]);
    await expectSame(tenant_id, 'retried');
    await finish(db.pool, worker, id);
    await db.pool.query('select howdah_private.count_usage()');
    await expectSame(tenant_id, 'ended again');
  });
});

test('calls that the answer cache answered are neither times nor failures', async () => {
  const { tenant_id, agents } = await makeWorld();
  const cached_from = { execution_id: randomUUID(), seq: 2 };
  const at = (seconds: number) => ({
    ...{ kind: 'tool', name: 'look_up', call_id: `c${seconds}` },
    ...{ started_at: new Date(Date.now() - 1000 * seconds).toISOString() },
  });
  const id = await makeRun(db.pool, { tenant_id, agent_id: agents[0] });
  const [claimed] = await claim(db.pool, worker, [id]);
  await commit(db.pool, worker, [
    {
      ...{ id, fence: claimed?.fence as number, after: 0, to: completed },
      steps: [
        ...[at(8), { ...at(8), error }],
        ...[1, 2, 3].map((place) => ({
          ...at(0),
          call_id: `h${place}`,
          annotations: { cached_from },
        })),
        { ...at(0), call_id: 'notes', annotations: { said: 'a hook' } },
        { kind: 'output', output: 'done' },
      ],
    },
  ]);
  const performance = () =>
    one(
      db.pool,
      `select calls::int, errors::int, success_rate::float, round(seconds_p50)::int as seconds, cached_calls::int
       from howdah.tool_performance where tenant_id = $1`,
      [tenant_id],
    );
  const expected = { calls: 3, errors: 1, success_rate: 0.6667, seconds: 8, cached_calls: 3 };
  expect(await performance()).toEqual(expected); // not counted yet
  await db.pool.query('select howdah_private.count_usage()');
  expect(await performance()).toEqual(expected);
  await db.pool.query('select howdah_private.delete_runs(array[$1::uuid])', [id]);
  while ((await one(db.pool, 'select howdah_private.merge_usage(1) as is_more')).is_more);
  expect(await performance()).toEqual(expected);
  // usage_by_day has all of them
  expect(
    await one(
      db.pool,
      'select sum(calls)::int as calls from howdah.usage_by_day where tenant_id = $1 and tool is not null',
      [tenant_id],
    ),
  ).toEqual({ calls: 6 });
});

test('answers that the answer cache gave are neither times nor answers of the model', async () => {
  const { tenant_id, agents, model_id } = await makeWorld();
  const cached_from = { execution_id: randomUUID(), seq: 1 };
  const at = (seconds: number) => ({
    ...{ kind: 'model', model_id, started_at: new Date(Date.now() - 1000 * seconds).toISOString() },
  });
  const ended = async (steps: object[]) => {
    const id = await makeRun(db.pool, { tenant_id, agent_id: agents[0] });
    const [claimed] = await claim(db.pool, worker, [id]);
    await commit(db.pool, worker, [
      {
        ...{ id, fence: claimed?.fence as number, after: 0, to: completed },
        steps: [...steps, { kind: 'output', output: 'done' }] as never,
      },
    ]);
    return id;
  };
  const usage = () =>
    one(
      db.pool,
      `select answers::int, failed_attempts::int, success_rate::float, cached_answers::int,
         round(seconds_p50)::int as seconds, round(seconds_p99)::int as most
       from howdah.model_usage where tenant_id = $1`,
      [tenant_id],
    );
  const hit = { ...at(0), output: { cached_from, finish_reason: 'stop' } };
  const runs = [await ended([hit, hit, hit])];
  expect(await usage()).toEqual({
    ...{ answers: 0, failed_attempts: 0, success_rate: null, cached_answers: 3 },
    ...{ seconds: null, most: null },
  });
  runs.push(await ended([{ ...at(8), tokens_out: 3 }, hit, { ...at(8), kind: 'retry', error }]));
  const expected = {
    ...{ answers: 1, failed_attempts: 1, success_rate: 0.5, cached_answers: 4 },
    ...{ seconds: 8, most: 8 },
  };
  expect(await usage()).toEqual(expected); // not counted yet
  // an erased run keeps that its answer was cached
  await db.pool.query('select howdah_private.erase_log(array[$1::uuid], false)', [runs[0]]);
  expect(await usage()).toEqual(expected);
  await db.pool.query('select howdah_private.count_usage()');
  expect(await usage()).toEqual(expected);
  for (const id of runs)
    await db.pool.query('select howdah_private.delete_runs(array[$1::uuid])', [id]);
  while ((await one(db.pool, 'select howdah_private.merge_usage(1) as is_more')).is_more);
  expect(await usage()).toEqual(expected);
});

test('percentiles are exact to 2 %', async () => {
  const { tenant_id } = await makeWorld();
  const values = `select floor(exp(random() * 12 + 4))::bigint as micros from generate_series(1, 3000)`;
  await db.pool.query(`create table public.durations as ${values}`);
  await db.pool.query(
    `insert into howdah.usage_durations (tenant_id, day, tool, calls, buckets, bucket_calls, bucket_micros)
     select $1, current_date, 'look_up', 1, array[howdah_private.duration_bucket(d.micros)], '{1}', array[d.micros]
     from public.durations as d`,
    [tenant_id],
  );
  await db.pool.query('select howdah_private.merge_usage(1)');
  const seen = await one(
    db.pool,
    'select seconds_p50, seconds_p95, seconds_p99 from howdah.tool_performance where tenant_id = $1',
    [tenant_id],
  );
  const exact = await one(
    db.pool,
    `select percentile_cont(0.5) within group (order by micros) / 1e6 as seconds_p50,
       percentile_cont(0.95) within group (order by micros) / 1e6 as seconds_p95,
       percentile_cont(0.99) within group (order by micros) / 1e6 as seconds_p99 from public.durations`,
  );
  await db.pool.query('drop table public.durations');
  for (const [name, value] of Object.entries(exact)) {
    expect(Math.abs(seen[name] - value)).toBeLessThanOrEqual(0.02 * value + 0.0001);
  }
});

test('a condition on the day reads no other day of the rollup, and no runs', async () => {
  const { tenant_id } = await makeWorld();
  await db.pool.query(
    `insert into howdah.usage_totals (tenant_id, day, outcome, runs)
     select $1, current_date - n, 'completed', 1 from generate_series(1, 5000) as n`,
    [tenant_id],
  );
  await db.pool.query('analyze howdah.usage_totals');
  for (const view of ['daily_usage', 'usage_by_day']) {
    const plan = await asRole(
      db.pool,
      'howdah_analyst',
      { 'howdah.tenant_id': tenant_id },
      (client) =>
        all(
          client,
          `explain (costs off) select * from howdah.${view} where day = current_date - 3`,
        ),
    );
    const text = plan.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toMatch(/usage_totals_day_idx/);
    expect(text).toMatch(/day = \(CURRENT_DATE - 3\)/);
  }
});

test('a count looks up each run once, however many steps it has', async () => {
  const { tenant_id, agents } = await makeWorld();
  await db.pool.query('select howdah_private.count_usage()');
  const calls = Array.from({ length: 30 }, (_, n) => ({
    ...{ kind: 'tool', name: 'look_up', call_id: `c${n}`, output: 'x' },
  }));
  for (let run = 0; run < 3; run += 1) {
    const id = await makeRun(db.pool, { tenant_id, agent_id: agents[0] });
    const [claimed] = await claim(db.pool, worker, [id]);
    const steps = [...calls, { kind: 'output', output: 'done' }];
    await commit(db.pool, worker, [
      { id, fence: claimed?.fence ?? 0, after: 0, steps, to: { ...completed, output: 'done' } },
    ]);
  }
  const client = await openSession(db.url); // whose statistics count nothing else
  await client.query('begin');
  expect(await one(client, 'select howdah_private.count_usage() as runs')).toEqual({ runs: 3 });
  const scans = await all(
    client,
    `select regexp_replace(relname, '_\\d{4}_\\d{2}$', '') as name, sum(idx_scan)::int as by_index,
       sum(seq_scan)::int as of_all
     from pg_stat_xact_user_tables where relname ~ '^(executions|steps)_\\d|^agents$'
     group by 1 order by 1`,
  );
  await client.end();
  expect(scans).toEqual([
    { name: 'agents', by_index: 3, of_all: 0 },
    { name: 'executions', by_index: 6, of_all: 0 }, // for its figures, and for those of its steps
    { name: 'steps', by_index: 3, of_all: 0 },
  ]);
});

test('a deleted user is named by no row, and the figures stay', async () => {
  const { tenant_id, agents, user_id } = await makeWorld();
  const id = await makeRun(db.pool, { tenant_id, agent_id: agents[0], user_id });
  await finish(db.pool, worker, id);
  await db.pool.query('select howdah_private.count_usage()');
  const rows = () =>
    all(
      db.pool,
      'select user_id, sum(runs)::int as runs from howdah.usage_by_day where tenant_id = $1 group by 1',
      [tenant_id],
    );
  expect(await rows()).toEqual([{ user_id, runs: 1 }]);
  await db.pool.query('select howdah.erase_user($1, $2)', [user_id, 'delete']);
  expect(await rows()).toEqual([{ user_id: null, runs: 1 }]);
  while ((await one(db.pool, 'select howdah_private.merge_usage(1) as is_more')).is_more);
  expect(
    await all(db.pool, 'select distinct user_id from howdah.usage_totals where tenant_id = $1', [
      tenant_id,
    ]),
  ).toEqual([{ user_id: null }]);
});
