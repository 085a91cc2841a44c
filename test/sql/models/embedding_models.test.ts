import { beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { faultsOf, newTenant } from '../../systems/support.ts';
import { type Db, makeAgent, makeTenant, one, refusedInside, takeRole } from '../support.ts';

const database = testDatabase();
let tenant: string;
beforeEach(async () => {
  tenant = await makeTenant(database.pool);
});

/** Runs `work` in the tenant as an admin, and rolls back. */
async function asAdmin(work: (db: Db) => Promise<void>): Promise<void> {
  const client = await database.pool.connect();
  try {
    await client.query('begin');
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.role': 'admin' });
    await work(client);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

const model = (db: Db, name: string, purpose = 'embedding') =>
  db.query(
    `insert into howdah.models (name, provider, model, purpose) values ($1, 'local', $1, $2)`,
    [name, purpose],
  );
const INSERT = `insert into howdah.workflows (name, type, configuration) values ('desk', 'router', $1) returning id`;
const router = async (db: Db, configuration: object) =>
  (await one(db, INSERT, [{ method: 'embedding', ...configuration }])).id;
/** Writes the version of a workflow, and returns its models. */
const pinnedModels = async (db: Db, id: string) => {
  await db.query('set constraints all immediate');
  await db.query('set constraints all deferred');
  const { models } = await one(
    db,
    `select v.definition -> 'models' as models from howdah.workflows as w
     join howdah.workflow_versions as v on v.id = w.current_version_id where w.id = $1`,
    [id],
  );
  return models.map(({ name }: { name: string }) => name);
};

describe('a router with method embedding is rejected', () => {
  test.each([
    [{}, /method embedding needs a model with purpose embedding, but there is none/],
    [{ model: 'nobody' }, /there is no model 'nobody' with purpose embedding/],
    [{ model: 'default' }, /there is no model 'default' with purpose/],
  ])('with %j without a matching embedding model', async (configuration, message) => {
    await asAdmin(async (db) => {
      const value = { method: 'embedding', ...configuration };
      expect(await refusedInside(db, INSERT, [value])).toMatchObject({
        code: 'HWINV',
        message: expect.stringMatching(message),
        detail: expect.stringContaining('"configuration"'),
        hint: expect.stringContaining('Create a model with purpose embedding'),
      });
    });
  });

  test('with a model of another tenant', async () => {
    await model(database.pool, 'foreign');
    await asAdmin(async (db) => {
      const value = { method: 'embedding', model: 'foreign' };
      expect(await refusedInside(db, INSERT, [value])).toMatchObject({ code: 'HWINV' });
      expect(await refusedInside(db, INSERT, [{ method: 'embedding' }])).toMatchObject({
        code: 'HWINV',
      });
    });
    await database.pool.query(`delete from howdah.models where name = 'foreign'`);
  });

  test('on update as well', async () => {
    await asAdmin(async (db) => {
      const { id } = await one(db, INSERT, [{ method: 'lexical' }]);
      const text = `update howdah.workflows set configuration = '{"method": "embedding"}' where id = $1`;
      expect(await refusedInside(db, text, [id])).toMatchObject({ code: 'HWINV' });
    });
  });

  test('in a file, with its line and column', async () => {
    const interfaces = await newTenant(database.pool);
    const file = (models: string) =>
      `version: v1\nname: shop\n${models}workflows:\n  desk: { type: router, members: [development], method: embedding, model: embedder }\n`;
    const wrong = 'models: { embedder: { provider: openai, model: gpt-5-mini } }\n';
    const { code, lines } = await faultsOf(interfaces.apply(file(wrong)));
    expect(code).toBe('HWINV');
    expect(lines).toEqual([
      expect.stringMatching(/^5:3 .*there is no model .* with purpose embedding/),
    ]);
    const right = 'models: { embedder: { provider: local, model: letters, purpose: embedding } }\n';
    await interfaces.apply(file(right));
    const document = await interfaces.export('shop');
    expect(document).toMatchObject({ workflows: { desk: { method: 'embedding' } } });
    const again = await interfaces.apply(document, { prune: true });
    expect(again.objects.every(({ action }) => action === 'unchanged')).toBe(true);
  });
});

describe('the embedding model of a router', () => {
  test('is the named model, else a model with purpose embedding', async () => {
    await asAdmin(async (db) => {
      await model(db, 'zebra');
      await model(db, 'ant');
      expect(await pinnedModels(db, await router(db, { model: 'zebra' }))).toEqual(['zebra']);
      const unnamed = INSERT.replace('desk', 'other');
      const { id } = await one(db, unnamed, [{ method: 'embedding' }]);
      expect(await pinnedModels(db, id)).toEqual(['ant']);
    });
  });

  test('remains when its system drops it and an unnamed router needs it', async () => {
    const interfaces = await newTenant(database.pool);
    const embedder = { provider: 'local', model: 'letters', purpose: 'embedding' };
    await interfaces.apply({ version: 'v1', name: 'base', models: { embedder } });
    await interfaces.one(INSERT, { method: 'embedding' });
    const without = { version: 'v1', name: 'base' };
    await interfaces.apply(without, { prune: true });
    const left = `select name, agent_system_id from howdah.models where tenant_id = $1 and purpose = 'embedding'`;
    expect(await interfaces.all(left, interfaces.tenant)).toEqual([
      { name: 'embedder', agent_system_id: null },
    ]);
  });

  test('changes with the models of its own tenant, not of others', async () => {
    const { pool } = database;
    const setting = `select set_config('howdah.tenant_id', $1, false)`;
    const client = await pool.connect();
    try {
      await client.query(setting, [tenant]);
      await model(client, 'first');
      const { id } = await one(client, INSERT, [{ method: 'embedding' }]);
      await client.query(
        `insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order) values ($1, $2, 1)`,
        [id, await makeAgent(client)],
      );
      const now = () => pinnedModels(client, id);
      await model(client, 'a later one');
      await model(client, 'talker', 'llm');
      expect(await now()).toEqual(['first']);
      await client.query(`update howdah.models set purpose = 'llm' where name = 'first'`);
      expect(await now()).toEqual(['a later one']);
      await client.query(`update howdah.models set purpose = 'embedding' where name = 'first'`);
      expect(await now()).toEqual(['first']);
      await client.query(`delete from howdah.models where purpose = 'embedding'`);
      expect(await now()).toEqual([]);
      const run = `insert into howdah.executions (workflow_id, input) values ($1, 'x')`;
      await expect(client.query(run, [id])).rejects.toMatchObject({
        code: 'HWCNF',
        message: expect.stringMatching(/cannot run: .*purpose embedding, but there is none/),
      });
      await model(client, 'the next');
      await client.query(run, [id]);
    } finally {
      await client.query(setting, ['']);
      client.release();
    }
  });
});
