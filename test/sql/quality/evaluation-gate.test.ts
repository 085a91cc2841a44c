import { beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  committed,
  isBlocked,
  makeAgent,
  makeTenant,
  makeUser,
  one,
  refusal,
  takeRole,
  type User,
} from '../support.ts';

// The gate of evaluations: howdah.check_evaluation, and howdah.promote_evaluation, which labels the
// version of an evaluation that passes it.

const db = testDatabase();
let tenant: string;
let agent: string;
let member: User;
let items: string[];

const as = <T extends object>(user: User, text: string, values: unknown[] = []) =>
  committed(db.pool, async (client) => {
    const settings = { 'howdah.tenant_id': user.tenant_id, 'howdah.user_id': user.id };
    await takeRole(client, 'howdah_app', settings);
    return all<T & Record<string, unknown>>(client, text, values);
  });

const promote = (id: unknown, options = '', user = member) =>
  as(user, `select * from howdah.promote_evaluation($1${options && `, ${options}`})`, [id]);

const check = async (id: unknown, options = '', user = member) => {
  const call = `select howdah.check_evaluation($1${options && `, ${options}`}) as gate`;
  const [row] = await as<{ gate: Record<string, unknown> }>(user, call, [id]);
  return row?.gate;
};

const labels = () =>
  all(
    db.pool,
    'select label, version from howdah.version_labels where agent_id = $1 order by label',
    [agent],
  );

beforeEach(async () => {
  tenant = await makeTenant(db.pool);
  agent = await makeAgent(db.pool, { tenant_id: tenant, name: 'support' });
  member = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  await as(member, `insert into howdah.datasets (name) values ('sums')`);
  await as(
    member,
    `insert into howdah.dataset_items (dataset_id, input)
     select d.id, n::text from howdah.datasets as d cross join generate_series(1, 20) as n`,
  );
  items = (await as<{ id: string }>(member, 'select id from howdah.dataset_items order by id')).map(
    ({ id }) => id,
  );
  for (const instruction of ['first', 'second']) {
    await db.pool.query('update howdah.agents set instruction = $2 where id = $1', [
      ...[agent, instruction],
    ]);
    await committed(db.pool, async (client) => {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant]);
      await client.query('select howdah_private.refresh_agent_version($1)', [agent]);
    });
  }
});

type Made = { version?: number; passed: number; ungraded?: number; repeats?: number };

/** Stores a completed evaluation, of whose items the first ones have passed in each repeat. */
async function evaluated({ version = 2, passed, ungraded = 0, repeats = 1 }: Made) {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
       version, items_digest, created_by, graders, completed_at, status)
     select i.tenant_id, i.dataset_id, $1, v.id, 20, $4, $2, 'x', 'x', '[{"name": "g"}]', now(),
       'completed'
     from howdah.dataset_items as i
     join howdah.agent_versions as v on v.agent_id = $1 and v.version = $2
     where i.id = $3 returning id`,
    [agent, version, items[0], repeats],
  );
  await db.pool.query(
    `insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat, execution_id,
       graded_at, score, passed)
     select $1, $2, i.id, n, howdah.uuid_v7(), now(),
       case when i.place <= $4 then 1 else 0 end, case when i.place <= 20 - $5 then i.place <= $4 end
     from unnest($3::uuid[]) with ordinality as i (id, place)
     cross join generate_series(1, $6::int) as n`,
    [tenant, id, items, passed, ungraded, repeats],
  );
  await db.pool.query(
    'update howdah.evaluations set totals = howdah_private.evaluation_totals(id) where id = $1',
    [id],
  );
  return id;
}

describe('check_evaluation', () => {
  const PASSED = { passed: true, faults: [] };

  test('passes what is graded in full, and compares it with the version of the label', async () => {
    const before = await evaluated({ version: 1, passed: 18 });
    await promote(before);
    const id = await evaluated({ passed: 18 });
    expect(await check(id)).toEqual({ ...PASSED, baseline_id: null, comparison: null });
    expect(await check(id, `0.9, 'production'`)).toMatchObject({
      ...{ ...PASSED, baseline_id: before },
      comparison: { a: { id: before }, b: { id }, pass_rate: { verdict: 'inside the noise' } },
    });
    // a number of a version is a name, too
    expect(await check(id, `null, '1'`)).toMatchObject({ ...PASSED, baseline_id: before });
  });

  test('says all that is wrong at once, and labels nothing', async () => {
    await promote(await evaluated({ version: 1, passed: 20 }));
    const id = await evaluated({ passed: 5, ungraded: 1 });
    expect(await check(id, `0.5, 'production'`)).toMatchObject({
      passed: false,
      faults: [
        'the pass rate 26.32 % is under 50 %',
        'only 19 of 20 runs passed or failed',
        'only 19 of 20 items are graded in both evaluations',
        expect.stringMatching(/^the pass rate is lower than before: 26.32 %, not 100 %/),
        expect.stringMatching(/^the score is lower than before/),
      ],
    });
    expect(await labels()).toMatchObject([{ version: 1 }]);
  });

  test('does not compare a version with itself, but compares what overrides have tried', async () => {
    const id = await evaluated({ passed: 20 });
    await promote(id);
    const itself = { ...PASSED, baseline_id: id, comparison: null };
    expect(await check(id, `1, 'production'`)).toEqual(itself);
    await evaluated({ passed: 20 });
    expect(await check(id, `1, 'production'`)).toEqual(itself);
    const other = await evaluated({ passed: 5 });
    await db.pool.query(
      `update howdah.evaluations set overrides = '{"model": "other"}' where id = $1`,
      [other],
    );
    const { faults } = (await check(other, `null, 'production'`)) as { faults: string[] };
    expect(faults).toContain('the pass rate is lower than before: 25 %, not 100 %');
  });

  test('prefers a baseline that is graded in full, then one with as many repeats', async () => {
    await promote(await evaluated({ version: 1, passed: 10, repeats: 3 }));
    const id = await evaluated({ passed: 20 });
    const baseline = async () => (await check(id, `null, 'production'`))?.baseline_id;
    const partly = await evaluated({ version: 1, passed: 19, ungraded: 1 });
    expect(await baseline()).not.toBe(partly);
    const equal = await evaluated({ version: 1, passed: 19 });
    await evaluated({ version: 1, passed: 10, repeats: 2 });
    expect(await baseline()).toBe(equal);
    const newest = await evaluated({ version: 1, passed: 19 });
    expect(await baseline()).toBe(newest);
  });

  test.each([
    ['other items', `items_digest = 'y'`],
    ['other graders', `graders = '[{"name": "h"}]'`],
    ['overrides', `overrides = '{"model": "other"}'`],
    ['live runs', `since_at = now()`],
    ['no end', `status = 'running'`],
  ])('does not pass if the version of the label was evaluated with %s', async (_, changed) => {
    const before = await evaluated({ version: 1, passed: 20 });
    await promote(before);
    await db.pool.query(`update howdah.evaluations set ${changed} where id = $1`, [before]);
    expect(await check(await evaluated({ passed: 20 }), `null, 'production'`)).toEqual({
      passed: false,
      faults: [
        'version 1 (production) has no completed evaluation of the same items with the same graders',
      ],
      ...{ baseline_id: null, comparison: null },
    });
  });

  test('of live runs, takes the newest that no rule has made, and needs enough runs', async () => {
    const live = async (made: Made, rule: string | null = null) => {
      const id = await evaluated(made);
      await db.pool.query(
        `update howdah.evaluations set since_at = now(), grading_rule_id = $2 where id = $1`,
        [id, rule],
      );
      await db.pool.query(
        'update howdah.evaluation_results set item_id = null where evaluation_id = $1',
        [id],
      );
      return id;
    };
    await promote(await evaluated({ version: 1, passed: 20 }));
    await db.pool.query(
      `insert into howdah.graders (tenant_id, dataset_id, name, kind, configuration)
       select tenant_id, id, 'g', 'regex', '{"pattern": "."}' from howdah.datasets
       where tenant_id = $1`,
      [tenant],
    );
    const { id: rule } = await one<{ id: string }>(
      db.pool,
      `insert into howdah.grading_rules (tenant_id, name, dataset_id, agent_id, sample)
       select tenant_id, 'hourly', id, $1, 1 from howdah.datasets where tenant_id = $2
       returning id`,
      [agent, tenant],
    );
    const ofRule = await live({ version: 1, passed: 20 }, rule);
    const now = await live({ passed: 18 });
    const gate = () => check(now, `null, 'production'`);
    expect(await gate()).toMatchObject({ ...PASSED, baseline_id: ofRule });
    const full = await live({ version: 1, passed: 20 });
    await live({ version: 1, passed: 20 }, rule);
    expect(await gate()).toMatchObject({ ...PASSED, baseline_id: full });
    const few = await live({ version: 1, passed: 10, ungraded: 19 });
    expect(await gate()).toMatchObject({
      ...{ passed: false, baseline_id: few },
      faults: ['too few live runs are graded to compare them with the baseline'],
    });
  });

  test.each([
    ['running', 'the evaluation is running'],
    ['cancelled', 'the evaluation was cancelled'],
  ])('does not pass an evaluation that is %s', async (status, fault) => {
    const id = await evaluated({ passed: 20 });
    await db.pool.query('update howdah.evaluations set status = $2 where id = $1', [id, status]);
    expect(await check(id)).toMatchObject({ passed: false, faults: [fault] });
  });

  test('refuses a wrong rate, a label and an evaluation that do not exist', async () => {
    const id = await evaluated({ passed: 20 });
    for (const rate of ['-0.1', '1.1', `'nan'`]) {
      expect(await refusal(check(id, rate))).toMatchObject({
        ...{ code: 'HWINV', detail: '{"field": "fail_under"}' },
      });
    }
    for (const label of [`'nobody'`, `''`, `'9'`]) {
      expect(await refusal(check(id, `null, ${label}`))).toMatchObject({
        ...{ code: 'HWNTF', detail: expect.stringContaining('"field": "no_worse_than"') },
      });
    }
    for (const unknown of [null, agent]) {
      const { code, detail } = await refusal(check(unknown));
      expect(code).toBe('HWNTF');
      expect(JSON.parse(detail ?? '')).toEqual({ field: 'evaluation', evaluation_id: unknown });
    }
  });

  test('is for viewers too, and finds nothing of another tenant', async () => {
    const id = await evaluated({ passed: 20 });
    const viewer = await makeUser(db.pool, { tenant_id: tenant, role: 'viewer' });
    expect(await check(id, '1', viewer)).toMatchObject(PASSED);
    const other = await makeTenant(db.pool);
    const stranger = await makeUser(db.pool, { tenant_id: other, role: 'owner' });
    expect((await refusal(check(id, '1', stranger))).code).toBe('HWNTF');
  });
});

describe('promote_evaluation', () => {
  test('compares with a promotion that was under way', async () => {
    await promote(await evaluated({ version: 1, passed: 5 }));
    const bad = await evaluated({ version: 1, passed: 5 });
    const good = await evaluated({ passed: 20 });
    const first = await db.pool.connect();
    const second = await db.pool.connect();
    const begin = async (client: typeof first) => {
      await client.query('begin');
      await takeRole(client, 'howdah_app', {
        ...{ 'howdah.tenant_id': tenant, 'howdah.user_id': member.id },
      });
    };
    const call = `select howdah.promote_evaluation($1, 'production', no_worse_than => 'production')`;
    try {
      await Promise.all([begin(first), begin(second)]);
      await first.query(call, [good]);
      const waiting = refusal(second.query(call, [bad]));
      await isBlocked(db.pool, second);
      await first.query('commit');
      expect((await waiting).code).toBe('HWCNF');
      expect(await labels()).toEqual([{ label: 'production', version: 2 }]);
    } finally {
      await Promise.all([first.query('rollback'), second.query('rollback')]);
      first.release();
      second.release();
    }
  });

  test('labels the version of the evaluation, and moves the label', async () => {
    const first = await evaluated({ version: 1, passed: 10 });
    const second = await evaluated({ passed: 18 });
    expect(await promote(first)).toMatchObject([{ id: first, version: 1 }]);
    expect(await labels()).toEqual([{ label: 'production', version: 1 }]);
    await promote(second, `'production', fail_under => 0.9, no_worse_than => 'production'`);
    await promote(first, `'stable'`);
    expect(await labels()).toEqual([
      { label: 'production', version: 2 },
      { label: 'stable', version: 1 },
    ]);
  });

  test('is refused below the gate, and moves no label', async () => {
    const good = await evaluated({ version: 1, passed: 20 });
    await promote(good);
    const bad = await evaluated({ passed: 5 });
    const failure = await refusal(
      promote(bad, `'production', fail_under => 0.5, no_worse_than => 'production'`),
    );
    expect(failure.code).toBe('HWCNF');
    expect(JSON.parse(failure.detail ?? '')).toMatchObject({
      evaluation_id: bad,
      faults: [
        'the pass rate 25 % is under 50 %',
        'the pass rate is lower than before: 25 %, not 100 %',
        'the score is lower than before: 25 %, not 100 %',
      ],
    });
    expect(await labels()).toEqual([{ label: 'production', version: 1 }]);
    // without a gate, a person decides
    await promote(bad);
    expect(await labels()).toEqual([{ label: 'production', version: 2 }]);
  });

  test('is refused by the gate where results were not graded or not compared', async () => {
    const some = await evaluated({ passed: 18, ungraded: 2 });
    expect((await refusal(promote(some, `'x', fail_under => 0.5`))).detail).toContain(
      'only 18 of 20 runs passed or failed',
    );
    const all20 = await evaluated({ passed: 20 });
    expect((await refusal(promote(all20, `'x', no_worse_than => 'production'`))).code).toBe(
      'HWNTF',
    );
    const other = await evaluated({ version: 1, passed: 20 });
    await promote(other);
    await db.pool.query(`update howdah.evaluations set items_digest = 'y' where id = $1`, [other]);
    expect(await refusal(promote(all20, `'x', no_worse_than => 'production'`))).toMatchObject({
      code: 'HWCNF',
      detail: expect.stringContaining('no_worse_than'),
    });
    expect(await labels()).toEqual([{ label: 'production', version: 1 }]);
  });

  test.each(['running', 'cancelled'])('is refused for an evaluation that is %s', async (status) => {
    const id = await evaluated({ passed: 20 });
    await db.pool.query('update howdah.evaluations set status = $2 where id = $1', [id, status]);
    expect(await refusal(promote(id))).toMatchObject({
      code: 'HWCNF',
      detail: expect.stringContaining(status),
    });
    expect(await labels()).toEqual([]);
  });

  test('is refused for overrides, a wrong rate or label, and an unknown evaluation', async () => {
    const id = await evaluated({ passed: 20 });
    for (const rate of [-0.1, 1.1, `'nan'`]) {
      expect(await refusal(promote(id, `'x', fail_under => ${rate}`))).toMatchObject({
        ...{ code: 'HWINV', detail: '{"field": "fail_under"}' },
      });
    }
    expect((await refusal(promote(null))).code).toBe('HWNTF');
    expect((await refusal(promote(agent))).code).toBe('HWNTF');
    await refusal(promote(id, `''`));
    await db.pool.query(
      `update howdah.evaluations set overrides = '{"model": "other"}' where id = $1`,
      [id],
    );
    expect(await refusal(promote(id))).toMatchObject({
      code: 'HWCNF',
      detail: expect.stringContaining('overrides'),
    });
    expect(await labels()).toEqual([]);
  });

  test('is denied to viewers, and not found from another tenant', async () => {
    const id = await evaluated({ passed: 20 });
    const viewer = await makeUser(db.pool, { tenant_id: tenant, role: 'viewer' });
    expect((await refusal(promote(id, '', viewer))).code).toBe('HWDEN');
    const other = await makeTenant(db.pool);
    const stranger = await makeUser(db.pool, { tenant_id: other, role: 'owner' });
    expect((await refusal(promote(id, '', stranger))).code).toBe('HWNTF');
    expect(await labels()).toEqual([]);
  });
});
