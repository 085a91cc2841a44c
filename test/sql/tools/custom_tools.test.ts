import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, committed, makeAgent, makeTool, one, takeRole } from '../support.ts';

describe('sync_custom_tools', () => {
  const db = testDatabase();

  const tool = (columns: Record<string, unknown> = {}) => ({
    name: 'weather',
    description: 'The weather somewhere.',
    parameters: { type: 'object', properties: { place: { type: 'string' } } },
    effect: 'pure',
    ...columns,
  });
  /** Registers tools as a worker does when it starts. */
  const sync = (...tools: Record<string, unknown>[]) =>
    committed(db.pool, async (client) => {
      await takeRole(client, 'howdah_worker');
      await client.query('select howdah_private.sync_custom_tools($1)', [JSON.stringify(tools)]);
    });
  const rowOf = (name: string) =>
    one(
      db.pool,
      `select t.*, n.slug from howdah.tools as t join howdah.tenants as n on n.id = t.tenant_id where t.name = $1`,
      [name],
    );

  test('writes the tools of the code for the default tenant', async () => {
    await sync(tool());
    expect(await rowOf('weather')).toMatchObject({
      ...tool(),
      kind: 'custom',
      slug: 'default',
      is_active: true,
    });
  });

  test('updates changed definitions and preserves settings of users', async () => {
    await sync(tool());
    await db.pool.query(
      `update howdah.tools set timeout_ms = 7, requires_approval = true where name = 'weather'`,
    );
    await sync(tool({ description: 'Said anew.', effect: 'once' }));
    expect(await rowOf('weather')).toMatchObject({
      description: 'Said anew.',
      effect: 'once',
      timeout_ms: 7,
      requires_approval: true,
    });
  });

  test('keeps cache_answers_for of users, unless the tool is not pure any more', async () => {
    await sync(tool({ name: 'tides' }));
    await db.pool.query(`update howdah.tools set cache_answers_for = 60 where name = 'tides'`);
    await sync(tool({ name: 'tides', description: 'Said anew.' }));
    expect(await rowOf('tides')).toMatchObject({ cache_answers_for: 60 });
    await sync(tool({ name: 'tides', effect: 'idempotent' }));
    expect(await rowOf('tides')).toMatchObject({ effect: 'idempotent', cache_answers_for: null });
  });

  test('writes capabilities and domain of the code, and else keeps those of users', async () => {
    const described = { capabilities: ['forecast'], domain: 'travel' };
    await sync(tool({ name: 'forecast', ...described }));
    expect(await rowOf('forecast')).toMatchObject(described);
    await sync(tool({ name: 'forecast', capabilities: ['rain'] }));
    expect(await rowOf('forecast')).toMatchObject({ capabilities: ['rain'], domain: 'travel' });
    await db.pool.query(`update howdah.tools set capabilities = '{snow}' where name = 'forecast'`);
    await sync(tool({ name: 'forecast' }));
    expect(await rowOf('forecast')).toMatchObject({ capabilities: ['snow'], domain: 'travel' });
  });

  test('does not update an unchanged row', async () => {
    await sync(tool({ name: 'calm' }));
    const before = await rowOf('calm');
    await sync(tool({ name: 'calm' }));
    expect(await rowOf('calm')).toEqual(before);
  });

  test('creates a new version of agents that have a changed tool', async () => {
    await sync(tool({ name: 'given' }));
    const agent = await makeAgent(db.pool);
    const { id } = await rowOf('given');
    await db.pool.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
      agent,
      id,
    ]);
    await sync(tool({ name: 'given', description: 'Said anew.' }));
    const { definition } = await one(
      db.pool,
      `select v.definition from howdah.agents as a join howdah.agent_versions as v
         on v.id = a.current_version_id where a.id = $1`,
      [agent],
    );
    expect(definition.tools).toMatchObject([{ name: 'given', description: 'Said anew.' }]);
  });

  test('keeps a tool of another kind with the same name', async () => {
    await makeTool(db.pool, {
      name: 'a_function',
      kind: 'sql',
      description: 'mine',
      configuration: { schema: 'shop', function: 'a_function', arguments: [] },
    });
    await sync(tool({ name: 'a_function' }));
    expect(await rowOf('a_function')).toMatchObject({ kind: 'sql', description: 'mine' });
  });

  test('does nothing when no tools are registered', async () => {
    await sync(tool());
    const rows = () => all(db.pool, 'select * from howdah.tools order by id');
    const before = await rows();
    await sync();
    expect(await rows()).toEqual(before);
  });
});
