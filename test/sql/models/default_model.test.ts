import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { asRole, committed, makeTenant, one, takeRole } from '../support.ts';

describe('the default model', () => {
  const db = testDatabase();

  const sync = (provider: string, model: string) =>
    db.pool.query('select howdah_private.sync_default_model($1, $2)', [provider, model]);
  const modelOf = (tenant: string) =>
    one(
      db.pool,
      `select provider, model, from_environment from howdah.models where name = 'default' and tenant_id = $1`,
      [tenant],
    );

  test('is created with every tenant, along with an agent that uses it', async () => {
    const tenant = await makeTenant(db.pool);
    expect(await modelOf(tenant)).toEqual({
      provider: 'local',
      model: 'extractive',
      from_environment: true,
    });
    expect(
      await one(
        db.pool,
        `select a.name, v.definition #>> '{models,0,provider}' as provider
         from howdah.agents as a join howdah.agent_versions as v on v.id = a.current_version_id
         where a.tenant_id = $1`,
        [tenant],
      ),
    ).toEqual({ name: 'development', provider: 'local' });
  });

  test('follows the environment in every tenant, as do its agents', async () => {
    const tenant = await makeTenant(db.pool);
    await sync('openai', 'gpt-5-mini');
    expect(await modelOf(tenant)).toEqual({
      provider: 'openai',
      model: 'gpt-5-mini',
      from_environment: true,
    });
    expect(
      await one(
        db.pool,
        `select v.version, v.definition #>> '{models,0,model}' as model
         from howdah.agents as a join howdah.agent_versions as v on v.id = a.current_version_id
         where a.tenant_id = $1`,
        [tenant],
      ),
    ).toEqual({ version: 2, model: 'gpt-5-mini' });
  });

  test('is unchanged when the environment has not changed', async () => {
    const tenant = await makeTenant(db.pool);
    await sync('openai', 'same');
    const at = `select updated_at from howdah.models where name = 'default' and tenant_id = $1`;
    const before = await one(db.pool, at, [tenant]);
    await sync('openai', 'same');
    expect(await one(db.pool, at, [tenant])).toEqual(before);
  });

  test.each([
    ['the owner', 'howdah_owner'],
    ['the application', 'howdah_app'],
  ])('stops following the environment once %s has edited it', async (_who, role) => {
    const tenant = await makeTenant(db.pool);
    await committed(db.pool, async (client) => {
      await takeRole(client, role, { 'howdah.tenant_id': tenant });
      await client.query(
        `update howdah.models set model = 'mine' where name = 'default' and tenant_id = $1`,
        [tenant],
      );
    });
    await sync('openai', 'gpt-next');
    expect(await modelOf(tenant)).toMatchObject({ model: 'mine', from_environment: false });
  });

  test('still follows the environment after only its prices were changed', async () => {
    const tenant = await makeTenant(db.pool);
    await db.pool.query(
      `update howdah.models set input_price = 1, output_price = 2 where name = 'default' and tenant_id = $1`,
      [tenant],
    );
    await sync('openai', 'priced');
    expect(await modelOf(tenant)).toMatchObject({ model: 'priced', from_environment: true });
  });

  test('a model with another name never follows', async () => {
    await db.pool.query(
      `insert into howdah.models (name, provider, model) values ('other', 'openai', 'x')`,
    );
    await sync('openai', 'y');
    expect(await one(db.pool, `select model from howdah.models where name = 'other'`)).toEqual({
      model: 'x',
    });
  });

  test('the application cannot mark a model as following the environment', async () => {
    await asRole(db.pool, 'howdah_app', {}, async (client) => {
      await expect(
        client.query(`update howdah.models set from_environment = true`),
      ).rejects.toThrow(/permission denied/);
    });
  });
});
