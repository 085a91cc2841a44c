import { beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  committed,
  type Db,
  makeModel,
  makeTenant,
  one,
  refusal,
  takeRole,
} from '../support.ts';

const database = testDatabase();
let tenant: string;
beforeEach(async () => {
  tenant = await makeTenant(database.pool);
});

const as = <T>(role: string, work: (db: Db) => Promise<T>) =>
  committed(database.pool, async (client) => {
    const settings = { 'howdah.tenant_id': tenant, 'howdah.role': role };
    await takeRole(client, 'howdah_app', settings);
    return work(client);
  });
const start = (model: string, role = 'admin') =>
  as(role, (db) => one(db, 'select t.* from howdah.test_model($1) as t', [model]));
const begin = async (id: string, attempt = 1) => {
  const text = 'select howdah_private.begin_model_test($1, $2, $3) as tested';
  return (await one(database.pool, text, [tenant, id, attempt])).tested;
};
const end = (id: string, result: object, seconds = 1.5) =>
  database.pool.query('select howdah_private.end_model_test($1, $2, $3, $4)', [
    ...[tenant, id, JSON.stringify(result), seconds],
  ]);
const row = (id: string) =>
  one(database.pool, 'select * from howdah.model_tests where id = $1', [id]);
const attempts = async (id: string) => {
  const text = `select j.run_at > now() as is_later from graphile_worker.jobs as j where j.key = $1`;
  return (await all(database.pool, text, [`model test ${id}`])).map(({ is_later }) => is_later);
};

describe('test_model', () => {
  test('queues a test, by the name or the id of a model', async () => {
    const model = await makeModel(database.pool, { tenant_id: tenant, name: 'careful' });
    for (const name of ['careful', model, model.toUpperCase()]) {
      const queued = await start(name);
      expect(queued).toMatchObject({ model_id: model, status: 'queued', seconds: null });
      expect(queued.created_by).toMatch(/\S/);
      expect(await attempts(queued.id)).toEqual([false]);
    }
  });

  test.each([
    ['nobody', 'admin', 'HWNTF'],
    ['', 'admin', 'HWNTF'],
    ['default', 'member', 'HWDEN'],
    ['default', 'viewer', 'HWDEN'],
  ])('of the model "%s" by a %s is refused with %s', async (model, role, code) => {
    expect(await refusal(start(model, role))).toMatchObject({ code });
  });

  test('suggests the name of a model, and knows none of another tenant', async () => {
    expect(await refusal(start('defualt'))).toMatchObject({
      code: 'HWNTF',
      hint: 'Did you mean default?',
      detail: expect.stringContaining('defualt'),
    });
    const other = await makeTenant(database.pool);
    const theirs = await makeModel(database.pool, { tenant_id: other, name: 'theirs' });
    for (const name of ['theirs', theirs]) {
      expect(await refusal(start(name))).toMatchObject({ code: 'HWNTF' });
    }
  });

  test('keeps the newest 20 tests of each model', async () => {
    const { id } = await start('default');
    await makeModel(database.pool, { tenant_id: tenant, name: 'other' });
    const retained = await start('other');
    for (let count = 0; count < 20; count++) await start('default');
    const rows = await all(
      database.pool,
      'select t.id, m.name from howdah.model_tests as t join howdah.models as m on m.id = t.model_id where t.tenant_id = $1',
      [tenant],
    );
    expect(rows.filter(({ name }) => name === 'default')).toHaveLength(20);
    expect(rows.map((one) => one.id)).not.toContain(id);
    expect(rows.map((one) => one.id)).toContain(retained.id);
    expect(await begin(id)).toBeNull();
  });
});

describe('a test', () => {
  test('gives the worker the model, and leaves a job for the next attempt', async () => {
    await makeModel(database.pool, {
      ...{ tenant_id: tenant, name: 'voice', purpose: 'tts', model: 'tts-1' },
      capabilities: '{"tools": false}',
      request_params: '{"voice": "nova"}',
    });
    const { id } = await start('voice');
    expect(await begin(id)).toMatchObject({
      purpose: 'tts',
      capabilities: { tools: false },
      model: { name: 'voice', model: 'tts-1', request_params: { voice: 'nova' } },
    });
    expect(await attempts(id)).toEqual([true]);
  });

  test('ends once, with an answer or an error', async () => {
    const [passed, failed] = [await start('default'), await start('default')];
    await end(passed.id, { ok: true, answer: { answer: 'ready' } });
    await end(passed.id, { ok: false, error: { code: 'timeout' } });
    expect(await row(passed.id)).toMatchObject({
      ...{ status: 'passed', answer: { answer: 'ready' }, error: null, seconds: '1.5' },
      finished_at: expect.any(Date),
    });
    await end(failed.id, { ok: false, error: { code: 'timeout' } });
    expect(await row(failed.id)).toMatchObject({ status: 'failed', error: { code: 'timeout' } });
    expect([await attempts(passed.id), await begin(passed.id)]).toEqual([[], null]);
  });

  test('fails when the worker died at each of three attempts', async () => {
    const { id } = await start('default');
    for (const attempt of [1, 2, 3]) expect(await begin(id, attempt)).not.toBeNull();
    expect(await begin(id, 4)).toBeNull();
    expect(await row(id)).toMatchObject({
      status: 'failed',
      error: { code: 'internal', hint: expect.stringContaining('log') },
    });
    expect(await attempts(id)).toEqual([]);
  });

  test('is read by members, and goes with its model', async () => {
    const model = await makeModel(database.pool, { tenant_id: tenant, name: 'short' });
    const { id } = await start('short');
    const text = 'select id from howdah.model_tests';
    expect(await as('viewer', (db) => all(db, text))).toEqual([{ id }]);
    await database.pool.query('delete from howdah.models where id = $1', [model]);
    expect(await as('viewer', (db) => all(db, text))).toEqual([]);
    expect(await begin(id)).toBeNull();
  });
});
