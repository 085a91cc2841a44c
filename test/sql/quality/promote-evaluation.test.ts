import { beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  committed,
  makeAgent,
  makeTenant,
  makeUser,
  one,
  refusal,
  takeRole,
  type User,
} from '../support.ts';

// howdah.promote_evaluation: which evaluations may label their version, and the gate.

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

type Made = { version?: number; passed: number; ungraded?: number };

/** Stores a completed evaluation, of whose items the first ones have passed. */
async function evaluated({ version = 2, passed, ungraded = 0 }: Made) {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
       version, items_digest, created_by, graders, completed_at, status)
     select i.tenant_id, i.dataset_id, $1, v.id, 20, 1, $2, 'x', 'x', '[{"name": "g"}]', now(),
       'completed'
     from howdah.dataset_items as i
     join howdah.agent_versions as v on v.agent_id = $1 and v.version = $2
     where i.id = $3 returning id`,
    [agent, version, items[0]],
  );
  await db.pool.query(
    `insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat, execution_id,
       graded_at, score, passed)
     select $1, $2, i.id, 1, howdah.uuid_v7(), now(),
       case when i.place <= $4 then 1 else 0 end, case when i.place <= 20 - $5 then i.place <= $4 end
     from unnest($3::uuid[]) with ordinality as i (id, place)`,
    [tenant, id, items, passed, ungraded],
  );
  await db.pool.query(
    'update howdah.evaluations set totals = howdah_private.evaluation_totals(id) where id = $1',
    [id],
  );
  return id;
}

describe('promote_evaluation', () => {
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
        'the pass rate 0.2500 is under 0.5',
        'the pass rate is 0.750000 lower than before',
        'the score is 0.750000 lower than before',
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
