import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, makeAgent, makeModel, makeTool, one } from '../support.ts';

const database = testDatabase();
let agent: string;
let model: string;

beforeAll(async () => {
  const { pool } = database;
  agent = await makeAgent(pool, { name: 'desk', instruction: 'first' });
  model = await makeModel(pool, { name: 'small' });
  const tool = await makeTool(pool, { name: 'look' });
  await pool.query('insert into howdah.agent_models (agent_id, model_id) values ($1, $2)', [
    agent,
    model,
  ]);
  await pool.query(
    `insert into howdah.agent_tools (agent_id, tool_id, requires_approval) values ($1, $2, true)`,
    [agent, tool],
  );
});

const current = () =>
  one(
    database.pool,
    `select v.version, v.digest, v.definition from howdah.agents as a
     join howdah.agent_versions as v on v.id = a.current_version_id where a.id = $1`,
    [agent],
  );

describe('a version', () => {
  test('is restored completely, as a new version with the same definition', async () => {
    const { pool } = database;
    const before = await current();
    await pool.query('delete from howdah.agent_tools where agent_id = $1', [agent]);
    await pool.query('delete from howdah.agent_models where agent_id = $1', [agent]);
    await pool.query(
      `update howdah.agents set name = 'help', instruction = 'second', max_steps = 3, retry_for = 30 where id = $1`,
      [agent],
    );
    expect(await current()).toMatchObject({ definition: { agent: { retry_for: 30 } } });
    const restored = await one(pool, 'select (howdah.restore_agent_version($1, $2)).*', [
      agent,
      before.version,
    ]);
    const columns = { name: 'help', instruction: 'first', max_steps: null, retry_for: null };
    expect(restored).toMatchObject(columns);
    const after = await current();
    expect(after.version).toBeGreaterThan(before.version + 1);
    expect(
      await all(pool, 'select place, old, new from howdah.diff_agent_versions($1, $2)', [
        agent,
        String(before.version),
      ]),
    ).toEqual([{ place: 'agent.name', old: 'desk', new: 'help' }]);
    await pool.query(`update howdah.agents set name = 'desk' where id = $1`, [agent]);
    expect(await current()).toMatchObject({
      definition: before.definition,
      digest: before.digest,
    });
  });

  test('that names a deleted object is not restored', async () => {
    const { pool } = database;
    const { version } = await current();
    await pool.query('delete from howdah.agent_models where agent_id = $1', [agent]);
    await pool.query('delete from howdah.models where id = $1', [model]);
    await expect(
      pool.query('select howdah.restore_agent_version($1, $2)', [agent, version]),
    ).rejects.toMatchObject({
      code: 'HWCNF',
      message: expect.stringContaining('model small'),
    });
    await expect(
      pool.query('select howdah.restore_agent_version($1, 99)', [agent]),
    ).rejects.toMatchObject({
      code: 'HWNTF',
    });
  });

  test('is run only by its number or its label', async () => {
    const { pool } = database;
    const run = async (version: string | null) =>
      (
        await one(
          pool,
          `select v.version from howdah.run('desk', 'x', version => $1) as e
           join howdah.agent_versions as v on v.id = e.agent_version_id`,
          [version],
        )
      ).version;
    const { version } = await current();
    await pool.query(`select howdah.label_agent_version($1, 1, 'stable')`, [agent]);
    expect(await run(null)).toBe(version);
    expect(await run('2')).toBe(2);
    expect(await run('stable')).toBe(1);
    for (const unknown of ['99', 'nobody', '0', '']) {
      await expect(run(unknown)).rejects.toMatchObject({ code: 'HWNTF' });
    }
    const other = await makeAgent(pool, { name: 'other' });
    await expect(
      pool.query(
        `insert into howdah.executions (agent_id, agent_version_id, input)
         select $1, current_version_id, 'x' from howdah.agents where id = $2`,
        [agent, other],
      ),
    ).rejects.toMatchObject({ code: 'HWNTF' });
  });

  test('has labels, and a label belongs to one version', async () => {
    const { pool } = database;
    const label = (version: number, name: string) =>
      one(pool, 'select (howdah.label_agent_version($1, $2, $3)).*', [agent, version, name]);
    expect(await label(1, 'production')).toMatchObject({ version: 1, label: 'production' });
    expect(await label(2, 'production')).toMatchObject({ version: 2 });
    const { rows } = await pool.query(
      `select version from howdah.version_labels where agent_id = $1 and label = 'production'`,
      [agent],
    );
    expect(rows).toEqual([{ version: 2 }]);
    await expect(label(99, 'candidate')).rejects.toMatchObject({ code: 'HWNTF' });
    await expect(label(1, 'No Word')).rejects.toMatchObject({ code: 'HWINV' });
  });
});
