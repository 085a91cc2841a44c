import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { asRole, makeAgent, makeTenant, makeUser, one, refusal } from '../support.ts';

// The ranking of contenders whose results are known.

const db = testDatabase();
let tenant: string;

const asTenant = (text: string, values: unknown[], of = tenant) =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': of }, async (client) => {
    const { rows } = await client.query(text, values);
    return rows;
  });
const ranking = (name: string, measure = 'score', of = tenant) =>
  asTenant('select * from howdah.leaderboard($1, null, $2)', [name, measure], of);

/** Creates a data set of 20 items, of which the last 5 are of the split `test`. */
async function makeDataset(): Promise<{ id: string; name: string }> {
  const made = await one<{ id: string; name: string }>(
    db.pool,
    'insert into howdah.datasets (tenant_id, name) values ($1, $2) returning id, name',
    [tenant, `set-${randomUUID()}`],
  );
  await db.pool.query(
    `insert into howdah.dataset_items (tenant_id, dataset_id, input, split)
     select $1, $2, n::text, case when n > 15 then 'test' end from generate_series(1, 20) as n`,
    [tenant, made.id],
  );
  return made;
}

/** What an evaluation has besides its scores. */
type Given = {
  agent?: string;
  cost?: number;
  latency?: number;
  digest?: string;
  overrides?: object | null;
  status?: string;
  split?: string | null;
  graders?: object[];
  repeat?: number;
};

/** Adds an evaluation with a score for each item and repeat. A null score is no grade. */
async function evaluated(dataset: string, scores: (number | null)[], given: Given = {}) {
  const agent = given.agent ?? (await makeAgent(db.pool, { tenant_id: tenant }));
  const { cost = 1, latency = 100, digest = 'x', overrides = null, status = 'completed' } = given;
  const { split = null, graders = [{ name: 'tone' }], repeat = 1 } = given;
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
       version, items_digest, created_by, graders, status, overrides, split)
     values ($1, $2, $3, $3, 20, $9, 1, $4, 'x', $8, $5::howdah.evaluation_status, $6, $7)
     returning id`,
    [
      ...[tenant, dataset, agent, digest, status],
      ...[overrides, split, JSON.stringify(graders), repeat],
    ],
  );
  // without runs, as if retention had deleted them: a hidden run would hide its result
  await db.pool.query(
    `insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat, graded_at,
       score, passed, cost, latency_ms)
     select $1, $2, i.id, n, now(), s.score, s.score = 1, $4, $6
     from howdah.dataset_items as i
     cross join generate_series(1, $7::int) as n
     cross join lateral (select ($5::float8[])[(i.input::int - 1) * $7 + n] as score) as s
     where i.dataset_id = $3`,
    [tenant, id, dataset, cost, scores, latency, repeat],
  );
  return id;
}

/** Returns 20 scores, of which the first n are 1. */
const first = (n: number): (number | null)[] =>
  Array.from({ length: 20 }, (_, place) => (place < n ? 1 : 0));
const ids = (rows: { evaluation_id: string }[]) => rows.map((row) => row.evaluation_id);

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
});

describe('the leaderboard of a data set', () => {
  test('is empty before an evaluation, and ranks a single contender first', async () => {
    const { id, name } = await makeDataset();
    expect(await ranking(name)).toEqual([]);
    await evaluated(id, first(20));
    expect(await ranking(name)).toMatchObject([
      { rank: 1, pass_rate: 1, strength: null, verdict: null, is_on_front: true },
    ]);
    expect(await ranking(id)).toHaveLength(1);
  });

  test('ranks by strength, and says what is noise and who is on the front', async () => {
    const { id, name } = await makeDataset();
    const best = await evaluated(id, first(19), { cost: 4 });
    const near = await evaluated(id, first(18));
    const bad = await evaluated(id, first(2), { cost: 2 });
    const rows = await ranking(name);
    expect(ids(rows)).toEqual([best, near, bad]);
    expect(rows).toMatchObject([
      { rank: 1, items: 20, ungraded_items: 0, verdict: null, is_on_front: true },
      { rank: 2, cost: 1, verdict: 'inside the noise', is_on_front: true },
      { rank: 3, cost_per_pass: 20, verdict: 'lower', is_on_front: false },
    ]);
    expect(rows[1].cost_per_pass).toBeCloseTo(20 / 18, 10);
    expect(rows[2].difference).toBeCloseTo(-17 / 20, 10);
    expect(rows[2].difference_high).toBeLessThan(0);
    expect(rows[0].pass_rate_low).toBeLessThan(0.95);
    expect(rows[0].pass_rate_high).toBeGreaterThan(0.95);
  });

  test('strengths are those of bradley_terry from the same games', async () => {
    const { id, name } = await makeDataset();
    const of = new Map<string, (number | null)[]>();
    for (const scores of [first(12), first(7), first(15).reverse()]) {
      of.set(await evaluated(id, scores), scores);
    }
    const games = [...of].flatMap(([a, firsts], place) =>
      [...of].slice(place + 1).flatMap(([b, seconds]) =>
        firsts.map((score, item) => {
          const outcome = (Math.sign((score ?? 0) - (seconds[item] ?? 0)) + 1) / 2;
          return [a, b, outcome] as const;
        }),
      ),
    );
    const expected = await asTenant('select * from howdah_private.bradley_terry($1, $2, $3)', [
      games.map((game) => game[0]),
      games.map((game) => game[1]),
      games.map((game) => game[2]),
    ]);
    const rows = await ranking(name);
    expect(ids(rows)).toEqual(expected.map((row) => row.name));
    for (const [place, row] of rows.entries()) {
      expect(row.strength).toBeCloseTo(expected[place].strength, 8);
      expect(row.rank).toBe(expected[place].rank);
    }
  });

  test('ranks by cost, by time and by stability', async () => {
    const { id, name } = await makeDataset();
    const twice = (scores: (number | null)[]) => scores.flatMap((score) => [score, score]);
    const dear = await evaluated(id, twice(first(20)), { cost: 9, repeat: 2 });
    const slow = await evaluated(id, twice(first(5)), { latency: 900, repeat: 2 });
    const flaky = await evaluated(id, Array(20).fill([1, 0]).flat(), {
      ...{ cost: 5, latency: 500, repeat: 2 },
    });
    expect(ids(await ranking(name))).toEqual([dear, flaky, slow]);
    const byCost = await ranking(name, 'cost');
    expect(ids(byCost)).toEqual([slow, flaky, dear]);
    expect(byCost[2]).toMatchObject({ difference: 8, verdict: 'higher' });
    expect(ids(await ranking(name, 'latency_ms'))).toEqual([dear, flaky, slow]);
    const byStability = await ranking(name, 'flakiness');
    expect(ids(byStability)).toEqual([dear, slow, flaky]);
    expect(byStability).toMatchObject([
      { rank: 1, flakiness: 0, flaky_items: 0 },
      { rank: 1, flakiness: 0, verdict: 'inside the noise' },
      { rank: 3, flakiness: 1, flaky_items: 20, verdict: 'higher' },
    ]);
  });

  test('takes the newest evaluation of a version with its overrides', async () => {
    const { id, name } = await makeDataset();
    const agent = await makeAgent(db.pool, { tenant_id: tenant });
    await evaluated(id, first(3), { agent });
    const plain = await evaluated(id, first(4), { agent, overrides: {} });
    const small = await evaluated(id, first(2), { agent, overrides: { model: 'small' } });
    const rows = await ranking(name);
    expect(ids(rows)).toEqual([plain, small]);
    expect(rows).toMatchObject([
      { overrides: null, agent_id: agent },
      { overrides: { model: 'small' }, model: 'small' },
    ]);
  });

  test('leaves out what cannot be compared', async () => {
    const { id, name } = await makeDataset();
    await evaluated(id, first(20), { digest: 'before the items changed' });
    await evaluated(id, first(20), { graders: [{ name: 'another' }] });
    const other = await evaluated(id, first(20), { split: 'test' });
    const kept = await evaluated(id, first(1));
    await evaluated(id, first(20), { status: 'cancelled' });
    await evaluated(id, first(20), { status: 'running' });
    await evaluated(id, Array(20).fill(null), { digest: 'its judge failed' });
    const runs = await evaluated(id, first(20), { digest: 'of runs of users' });
    await db.pool.query('update howdah.evaluations set since_at = now() where id = $1', [runs]);
    const then = await evaluated(id, first(20), { digest: 'of earlier items' });
    await db.pool.query('update howdah.evaluations set items_at = now() where id = $1', [then]);
    expect(ids(await ranking(name))).toEqual([kept]);
    const ofSplit = await asTenant('select * from howdah.leaderboard($1, $2)', [name, 'test']);
    expect(ids(ofSplit)).toEqual([other]);
  });

  test('compares only items that both have graded', async () => {
    const { id, name } = await makeDataset();
    const half = (place: number) => (place < 10 ? 1 : null);
    const whole = await evaluated(id, first(9));
    const part = await evaluated(
      id,
      Array.from({ length: 20 }, (_, place) => half(place)),
    );
    expect(await ranking(name)).toMatchObject([
      { evaluation_id: part, items: 10, ungraded_items: 10, pass_rate: 1 },
      { evaluation_id: whole, items: 20, difference: -0.1, verdict: 'inside the noise' },
    ]);
    const rest = await evaluated(
      id,
      Array.from({ length: 20 }, (_, place) => (place < 10 ? null : 1)),
    );
    await db.pool.query('delete from howdah.evaluations where id = $1', [whole]);
    expect(await ranking(name)).toMatchObject([
      { evaluation_id: part, rank: 1, strength: null, difference: null },
      { evaluation_id: rest, rank: 1, strength: null, difference: null },
    ]);
  });

  test('refuses a measure and a split that do not exist', async () => {
    const { name } = await makeDataset();
    const speed = await refusal(ranking(name, 'speed'));
    expect(speed).toMatchObject({ code: 'HWINV', fields: { field: 'measure', measure: 'speed' } });
    const split = asTenant('select * from howdah.leaderboard($1, $2)', [name, 'tset']);
    expect(await refusal(split)).toMatchObject({
      ...{ code: 'HWINV', fields: { field: 'split', split: 'tset' } },
      hint: expect.stringContaining('test'),
    });
    const nulls = 'select * from howdah.leaderboard($1, null, null)';
    expect(await asTenant(nulls, [name])).toEqual([]);
  });

  test('hides another tenant, and agents that the user may not see', async () => {
    const { id, name } = await makeDataset();
    const other = await makeTenant(db.pool);
    expect((await refusal(ranking(name, 'score', other))).code).toBe('HWNTF');
    const seen = await evaluated(id, first(1));
    const secret = await makeAgent(db.pool, { tenant_id: tenant, is_restricted: true });
    await evaluated(id, first(20), { agent: secret, digest: 'of newer items' });
    const user = await makeUser(db.pool, { tenant_id: tenant });
    const asUser = asRole(
      db.pool,
      'howdah_app',
      { 'howdah.tenant_id': tenant, 'howdah.user_id': user.id, 'howdah.role': 'member' },
      async (client) => (await client.query('select * from howdah.leaderboard($1)', [name])).rows,
    );
    expect(ids(await asUser)).toEqual([seen]);
  });
});
