import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, asRole, makeAgent, makeRun, makeTenant, one } from '../support.ts';

// Tests the first statement of every newcomer: `select *`, and `returning *` for inserts.

const db = testDatabase();
const TABLES = ['executions', 'agents', 'workflows'];

test.each(['howdah_app', 'howdah_viewer', 'howdah_analyst'])(
  '%s selects whole rows',
  async (role) => {
    const tenant_id = await makeTenant(db.pool);
    const agent_id = await makeAgent(db.pool, { tenant_id });
    const id = await makeRun(db.pool, { tenant_id, agent_id });
    await asRole(db.pool, role, { 'howdah.tenant_id': tenant_id }, async (client) => {
      for (const table of TABLES) {
        await client.query(`select * from howdah.${table}`);
      }
      expect(await all(client, 'select * from howdah.executions order by id desc limit 1')).toEqual(
        [expect.objectContaining({ id, fence: 0, owner_worker: null, callback_url: null })],
      );
    });
  },
);

test('howdah_app inserts a run, an agent and a workflow with `returning *`', async () => {
  const tenant_id = await makeTenant(db.pool);
  await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant_id }, async (client) => {
    const agent = await one(
      client,
      `insert into howdah.agents (name, instruction) values ('desk', 'Answer.') returning *`,
    );
    const run = await one(
      client,
      'insert into howdah.executions (agent_id, input) values ($1, $2) returning *',
      [agent.id, 'Hello'],
    );
    expect(run).toMatchObject({ tenant_id, agent_id: agent.id, status: 'queued', input: 'Hello' });
    await one(
      client,
      `insert into howdah.workflows (name, type, instruction) values ('line', 'chain', 'Work.') returning *`,
    );
    await one(client, `update howdah.agents set description = 'x' where id = $1 returning *`, [
      agent.id,
    ]);
  });
});

test('the path of a callback, which may be a key, is stored apart', async () => {
  const tenant_id = await makeTenant(db.pool);
  const agent_id = await makeAgent(db.pool, { tenant_id });
  const callback_url = 'https://hooks.example.com/T0/B1/secret?token=4711';
  const insert = `insert into howdah.executions (agent_id, input, callback_url) values ($1, 'x', $2) returning *`;
  const settings = { 'howdah.tenant_id': tenant_id };
  await asRole(db.pool, 'howdah_app', settings, async (client) => {
    const run = await one(client, insert, [agent_id, callback_url]);
    expect(run.callback_url).toBe('https://hooks.example.com/…');
    const { rows } = await client.query('select * from howdah.executions');
    expect(JSON.stringify(rows)).not.toContain('secret');
    await expect(
      client.query('select url from howdah_private.run_callbacks'),
    ).rejects.toMatchObject({
      code: '42501',
    });
  });
});

test('a run that a debounced one replaces leaves no callback', async () => {
  const tenant_id = await makeTenant(db.pool);
  const agent_id = await makeAgent(db.pool, { tenant_id });
  const run = { tenant_id, agent_id, debounce_key: 'k', debounce_ms: 60_000 };
  const urls = () =>
    all(db.pool, 'select url from howdah_private.run_callbacks where tenant_id = $1', [tenant_id]);
  await makeRun(db.pool, { ...run, callback_url: 'https://a.example.com/1' });
  await makeRun(db.pool, { ...run, callback_url: 'https://a.example.com/2' });
  expect(await urls()).toEqual([{ url: 'https://a.example.com/2' }]);
  await makeRun(db.pool, run);
  expect(await urls()).toEqual([]);
});
