import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  committed,
  finish,
  makeRun,
  makeUser,
  makeWorker,
  one,
  refusal,
  takeRole,
} from '../support.ts';

// Whose feedback counts in howdah.rewards, by SQL. test/runtime/held-run/feedback-of-agents.test.ts
// has the calls of tools.

const db = testDatabase();
let tenant: string;

beforeAll(async () => {
  ({ tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant'));
});

type Given = { score?: number; userId?: string; outcome?: string; seq?: number };
const give = (client: Pick<typeof db.pool, 'query'>, run: string, given: Given) =>
  one(
    client,
    `select source, is_reward, created_by, outcome, score from howdah.give_feedback(
       $1, $2, message_seq => $3, user_id => $4, outcome => $5)`,
    [run, given.score ?? 1, given.seq ?? null, given.userId ?? null, given.outcome ?? null],
  );

/** Acts as a user of the tenant. */
const asUser = <T>(user: string, work: (client: Pick<typeof db.pool, 'query'>) => Promise<T>) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.user_id': user });
    return work(client);
  });

/** Acts with an API key that has no user. */
const withKey = async <T>(
  name: string,
  work: (client: Pick<typeof db.pool, 'query'>) => Promise<T>,
  role = 'member',
) => {
  const key = await one<{ id: string }>(
    db.pool,
    `select k.id from howdah.api_keys as k where k.name = $1
     union all select (howdah.create_api_key($1, $2::howdah.user_role)).id limit 1`,
    [name, role],
  );
  return committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      ...{ 'howdah.tenant_id': tenant, 'howdah.role': role, 'howdah.api_key_id': key.id },
    });
    return work(client);
  });
};
const runOf = (client: Pick<typeof db.pool, 'query'>) => makeRun(client as typeof db.pool);
const rewardOf = async (run: string) =>
  (await all(db.pool, 'select * from howdah.rewards where execution_id = $1', [run]))[0];

describe('an API key without a person', () => {
  test('counts nothing for the run it started, unless it names the person', async () => {
    const { run, own } = await withKey('shop', async (client) => {
      const id = await runOf(client);
      return { run: id, own: await give(client, id, {}) };
    });
    expect(own).toMatchObject({
      ...{ source: 'program', is_reward: false, created_by: 'API key shop' },
    });
    expect(await rewardOf(run)).toBeUndefined();
    const ada = await makeUser(db.pool, { username: 'named ada' });
    const named = await withKey('shop', (client) =>
      give(client, run, { score: 0.25, userId: ada.id }),
    );
    expect(named).toMatchObject({ source: 'person', is_reward: true, created_by: 'named ada' });
    expect(await rewardOf(run)).toMatchObject({ score: 0.25, votes: 1, program_score: null });
  });

  test('counts for the run of another, with the weight of programs', async () => {
    const run = await withKey('starter', (client) => runOf(client));
    const ada = await makeUser(db.pool, { username: 'weighing ada' });
    expect(await withKey('checker', (client) => give(client, run, { score: 0 }))).toMatchObject({
      ...{ source: 'program', is_reward: true },
    });
    await asUser(ada.id, (client) => give(client, run, { score: 0.9 }));
    expect(await rewardOf(run)).toMatchObject({ votes: 2, person_score: 0.9, program_score: 0 });
    expect((await rewardOf(run))?.score).toBeCloseTo(0.9 / 1.5, 12);
    await db.pool.query(
      `insert into howdah.settings (key, value) values ('reward_weight_program', '0')`,
    );
    expect((await rewardOf(run))?.score).toBeCloseTo(0.9, 12);
    await db.pool.query('delete from howdah.settings');
  });

  test('names only active users of its tenant', async () => {
    const run = await makeRun(db.pool);
    const unknown = '01890000-0000-7000-8000-000000000000';
    const refused = withKey('namer', (client) => give(client, run, { userId: unknown }));
    expect(await refusal(refused)).toMatchObject({ code: 'HWNTF', fields: { field: 'user_id' } });
    const [ada, bob] = [
      await makeUser(db.pool, { username: 'speaking ada' }),
      await makeUser(db.pool, { username: 'silent bob' }),
    ];
    const forBob = asUser(ada.id, (client) => give(client, run, { userId: bob.id }));
    expect(await refusal(forBob)).toMatchObject({ code: 'HWDEN', fields: { field: 'user_id' } });
    expect(await rewardOf(run)).toBeUndefined();
  });
});

test('a program replaces what it reported for a person, not what the person said', async () => {
  const run = await makeRun(db.pool);
  const ada = await makeUser(db.pool, { username: 'direct ada' });
  const report = (score: number) =>
    withKey('relay', (client) => give(client, run, { score, userId: ada.id }));
  await report(0);
  await report(0.25);
  expect(await rewardOf(run)).toMatchObject({ person_score: 0.25, votes: 1 });
  await asUser(ada.id, (client) => give(client, run, { score: 1 }));
  expect(await refusal(report(0))).toMatchObject({ code: 'HWCNF', fields: { field: 'user_id' } });
  expect(await rewardOf(run)).toMatchObject({ person_score: 1, votes: 1 });
});

describe('outcomes', () => {
  test('that a login reports later count, one per name; the last one holds', async () => {
    const run = await makeRun(db.pool);
    const outcome = 'ticket reopened within 7 days';
    expect(await give(db.pool, run, { score: 1, outcome })).toMatchObject({
      ...{ source: 'outcome', is_reward: true, outcome },
    });
    await give(db.pool, run, { score: 0, outcome });
    await give(db.pool, run, { score: 1, outcome: 'paid' });
    expect(await rewardOf(run)).toMatchObject({ score: 0.5, outcome_score: 0.5, votes: 2 });
  });

  test('replace the same outcome of another login, and keep apart from names of people', async () => {
    const run = await makeRun(db.pool);
    const chief = await makeUser(db.pool, { username: 'paid', role: 'admin' });
    await give(db.pool, run, { score: 1, outcome: 'paid' });
    const later = await asUser(chief.id, (client) =>
      give(client, run, { score: 0, outcome: 'paid' }),
    );
    expect(later).toMatchObject({ source: 'outcome', created_by: 'paid', score: 0 });
    expect(await rewardOf(run)).toMatchObject({ outcome_score: 0, votes: 1 });
    await asUser(chief.id, (client) => give(client, run, { score: 1 }));
    expect(await rewardOf(run)).toMatchObject({ outcome_score: 0, person_score: 1, votes: 2 });
    const both = withKey('both', (client) =>
      give(client, run, { userId: chief.id, outcome: 'paid' }),
    );
    expect(await refusal(both)).toMatchObject({ code: 'HWINV', fields: { field: 'outcome' } });
  });

  test('from the key of the user who started the run count nothing', async () => {
    const chief = await makeUser(db.pool, { username: 'keyed chief', role: 'admin' });
    const { id: key } = await one<{ id: string }>(
      db.pool,
      `select (howdah.create_api_key('key of chief', 'admin', user_id => $1)).id`,
      [chief.id],
    );
    const given = await committed(db.pool, async (client) => {
      await takeRole(client, 'howdah_app', {
        ...{ 'howdah.tenant_id': tenant, 'howdah.user_id': chief.id, 'howdah.api_key_id': key },
      });
      return give(client, await runOf(client), { outcome: 'paid' });
    });
    expect(given).toMatchObject({ source: 'outcome', is_reward: false });
  });

  test('are reported by admins, with a score and a name', async () => {
    const run = await makeRun(db.pool);
    const ada = await makeUser(db.pool, { username: 'member ada' });
    const byMember = asUser(ada.id, (client) => give(client, run, { outcome: 'paid' }));
    expect(await refusal(byMember)).toMatchObject({ code: 'HWDEN' });
    const own = await withKey(
      'admin key',
      async (client) => give(client, await runOf(client), { outcome: 'paid' }),
      'admin',
    );
    expect(own).toMatchObject({ source: 'outcome', is_reward: false });
    for (const outcome of ['', ' ', 'two\nlines', 'x'.repeat(101)]) {
      expect(await refusal(give(db.pool, run, { outcome }))).toMatchObject({ code: 'HWINV' });
    }
    const unscored = db.pool.query(
      `select howdah.give_feedback($1, null, 'late', outcome => 'paid')`,
      [run],
    );
    expect(await refusal(unscored)).toMatchObject({ code: 'HWINV' });
  });
});

test('a person has one vote for a run: on all of it, else the mean over messages', async () => {
  const [run, other] = [await makeRun(db.pool), await makeRun(db.pool)];
  const worker = await makeWorker(db.pool);
  for (const id of [run, other]) await finish(db.pool, worker, id);
  const [ada, bob] = [
    await makeUser(db.pool, { username: 'voting ada' }),
    await makeUser(db.pool, { username: 'voting bob' }),
  ];
  await asUser(ada.id, async (client) => {
    await give(client, run, { score: 0 });
    for (let i = 0; i < 5; i++) await give(client, run, { score: 1 });
    await give(client, run, { score: 0, seq: 1 });
    await give(client, other, { score: 0.5, seq: 1 });
  });
  await asUser(bob.id, (client) => give(client, run, { score: 0.5 }));
  expect(await rewardOf(run)).toMatchObject({ score: 0.75, votes: 2, person_score: 0.75 });
  expect(await rewardOf(other)).toMatchObject({ score: 0.5, votes: 1 });
});

test('a comment without a score is no reward, and other tenants see none', async () => {
  const run = await makeRun(db.pool);
  await db.pool.query(`select howdah.give_feedback($1, null, 'hm')`, [run]);
  expect(await rewardOf(run)).toBeUndefined();
  const ada = await makeUser(db.pool, { username: 'scoring ada' });
  await asUser(ada.id, (client) => give(client, run, { score: 1 }));
  const seen = await committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      ...{ 'howdah.tenant_id': '01890000-0000-7000-8000-000000000001', 'howdah.role': 'owner' },
    });
    return all(client, 'select * from howdah.rewards');
  });
  expect(seen).toEqual([]);
});
