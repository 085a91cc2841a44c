import { createHash } from 'node:crypto';
import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  committed,
  type Db,
  isBlocked,
  makeAgent,
  makeModel,
  makeRun,
  makeTenant,
  makeTool,
  one,
  takeRole,
  testClient,
} from '../support.ts';

describe('versions of agents', () => {
  const db = testDatabase();

  const versionsOf = (agent: string, client: Db = db.pool) =>
    all(client, 'select * from howdah.agent_versions where agent_id = $1 order by version', [
      agent,
    ]);
  const countOf = async (agent: string) => (await versionsOf(agent)).length;
  const definitionOf = async (agent: string) => (await versionsOf(agent)).at(-1)?.definition;
  /** Returns the agents that get a new version by this edit. */
  const agentsTouchedBy = async (edit: (client: pg.PoolClient) => Promise<unknown>) => {
    const text = 'select agent_id, count(*)::int as n from howdah.agent_versions group by agent_id';
    const before = new Map((await all(db.pool, text)).map((row) => [row.agent_id, row.n]));
    await committed(db.pool, edit);
    const after = await all(db.pool, text);
    return after.filter((row) => before.get(row.agent_id) !== row.n).map((row) => row.agent_id);
  };

  test('a new agent has version 1, and points at it', async () => {
    const agent = await makeAgent(db.pool, { name: 'first', instruction: 'Help.' });
    const [version, ...more] = await versionsOf(agent);
    expect(more).toEqual([]);
    expect(version).toMatchObject({ version: 1, agent_id: agent });
    expect(version?.created_by).toBe((await one(db.pool, 'select session_user::text as me')).me);
    expect(version?.definition).toMatchObject({
      agent: { name: 'first', instruction: 'Help.', use_history: true, max_steps: null },
      models: [{ name: 'default', provider: 'local' }],
      tools: [],
    });
    expect(
      await one(
        db.pool,
        'select current_version_id, version_is_stale from howdah.agents where id = $1',
        [agent],
      ),
    ).toEqual({ current_version_id: version?.id, version_is_stale: false });
  });

  test('one transaction of edits makes one version', async () => {
    const agent = await makeAgent(db.pool);
    const tool = await makeTool(db.pool);
    const model = await makeModel(db.pool);
    await committed(db.pool, async (client) => {
      await client.query(`update howdah.agents set instruction = 'a' where id = $1`, [agent]);
      await client.query(`update howdah.agents set instruction = 'b' where id = $1`, [agent]);
      await client.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
        agent,
        tool,
      ]);
      await client.query('insert into howdah.agent_models (agent_id, model_id) values ($1, $2)', [
        agent,
        model,
      ]);
      await client.query(`update howdah.models set model = 'gpt-6' where id = $1`, [model]);
    });
    expect(await countOf(agent)).toBe(2);
    expect(await definitionOf(agent)).toMatchObject({
      agent: { instruction: 'b' },
      models: [{ id: model, model: 'gpt-6' }],
      tools: [{ id: tool }],
    });
  });

  test('an edit that changes nothing makes no version', async () => {
    const agent = await makeAgent(db.pool, { instruction: 'same' });
    const touched = await agentsTouchedBy(async (client) => {
      await client.query('update howdah.agents set instruction = instruction where id = $1', [
        agent,
      ]);
      await client.query(`update howdah.agents set instruction = 'other' where id = $1`, [agent]);
      await client.query(`update howdah.agents set instruction = 'same' where id = $1`, [agent]);
      await client.query(`update howdah.agents set is_active = false where id = $1`, [agent]);
    });
    expect(touched).toEqual([]);
    expect(
      await one(db.pool, 'select version_is_stale from howdah.agents where id = $1', [agent]),
    ).toEqual({ version_is_stale: false });
  });

  test('an edit that is rolled back makes no version', async () => {
    const agent = await makeAgent(db.pool);
    const client = await testClient(db.pool);
    await client.query('begin');
    await client.query(`update howdah.agents set instruction = 'never' where id = $1`, [agent]);
    await client.query('set constraints all immediate');
    expect(await versionsOf(agent, client)).toHaveLength(2);
    await client.query('rollback');
    expect(await countOf(agent)).toBe(1);
  });

  test('a run inserted in the transaction of an edit pins the edit', async () => {
    const agent = await makeAgent(db.pool);
    const run = await committed(db.pool, async (client) => {
      await client.query(`update howdah.agents set instruction = 'new' where id = $1`, [agent]);
      return makeRun(client, { agent_id: agent });
    });
    const pinned = await one(
      db.pool,
      `select v.version, v.definition #>> '{agent,instruction}' as instruction
       from howdah.executions as e join howdah.agent_versions as v on v.id = e.agent_version_id
       where e.id = $1`,
      [run],
    );
    expect(pinned).toEqual({ version: 2, instruction: 'new' });
    expect(await countOf(agent)).toBe(2);
  });

  test('an agent, its model, its tool and its first run can be inserted in one transaction', async () => {
    const [agent, run] = await committed(db.pool, async (client) => {
      const made = await makeAgent(client);
      const model = await makeModel(client);
      await client.query('insert into howdah.agent_models (agent_id, model_id) values ($1, $2)', [
        made,
        model,
      ]);
      return [made, await makeRun(client, { agent_id: made })];
    });
    const versions = await versionsOf(agent as string);
    expect(versions).toHaveLength(1);
    expect(
      await one(db.pool, 'select agent_version_id from howdah.executions where id = $1', [run]),
    ).toEqual({ agent_version_id: versions[0]?.id });
  });

  test('a run in flight keeps the version it pinned', async () => {
    const agent = await makeAgent(db.pool);
    const run = await makeRun(db.pool, { agent_id: agent });
    const pinned = 'select agent_version_id from howdah.executions where id = $1';
    const before = await one(db.pool, pinned, [run]);
    await db.pool.query(`update howdah.agents set instruction = 'new' where id = $1`, [agent]);
    expect(await one(db.pool, pinned, [run])).toEqual(before);
  });

  test('an edit of a model affects the agents that use it, and no others', async () => {
    const model = await makeModel(db.pool);
    const user = await makeAgent(db.pool);
    await makeAgent(db.pool);
    await db.pool.query('insert into howdah.agent_models (agent_id, model_id) values ($1, $2)', [
      user,
      model,
    ]);
    const touched = await agentsTouchedBy((client) =>
      client.query(`update howdah.models set base_url = 'http://localhost:1/v1' where id = $1`, [
        model,
      ]),
    );
    expect(touched).toEqual([user]);
    expect(await definitionOf(user)).toMatchObject({
      models: [{ base_url: 'http://localhost:1/v1' }],
    });
  });

  test('an edit of the default model affects the agents without a model, and no others', async () => {
    const tenant = await makeTenant(db.pool);
    const { id: development } = await one(
      db.pool,
      'select id from howdah.agents where tenant_id = $1',
      [tenant],
    );
    const plain = await makeAgent(db.pool, { tenant_id: tenant });
    const other = await makeAgent(db.pool, { tenant_id: tenant });
    const model = await makeModel(db.pool, { tenant_id: tenant });
    await db.pool.query(
      'insert into howdah.agent_models (tenant_id, agent_id, model_id) values ($1, $2, $3)',
      [tenant, other, model],
    );
    const touched = await agentsTouchedBy((client) =>
      client.query(
        `update howdah.models set model = 'gpt-6' where name = 'default' and tenant_id = $1`,
        [tenant],
      ),
    );
    expect(touched.sort()).toEqual([development, plain].sort());
  });

  test('deleting the default model affects the agents that used it', async () => {
    const tenant = await makeTenant(db.pool);
    const { id: agent } = await one(db.pool, 'select id from howdah.agents where tenant_id = $1', [
      tenant,
    ]);
    const touched = await agentsTouchedBy((client) =>
      client.query(`delete from howdah.models where name = 'default' and tenant_id = $1`, [tenant]),
    );
    expect(touched).toEqual([agent]);
    expect(await definitionOf(agent)).toMatchObject({ models: [] });
  });

  test('prices and descriptive columns of a model make no version', async () => {
    const model = await makeModel(db.pool);
    const agent = await makeAgent(db.pool);
    await db.pool.query('insert into howdah.agent_models (agent_id, model_id) values ($1, $2)', [
      agent,
      model,
    ]);
    const touched = await agentsTouchedBy((client) =>
      client.query(
        `update howdah.models set input_price = 3, output_price = 4, domain = 'x' where id = $1`,
        [model],
      ),
    );
    expect(touched).toEqual([]);
  });

  test('an edit of a tool affects the agents that have it, and no others', async () => {
    const tool = await makeTool(db.pool);
    const user = await makeAgent(db.pool);
    await makeAgent(db.pool);
    await db.pool.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
      user,
      tool,
    ]);
    for (const edit of [
      `update howdah.tools set description = 'what it does' where id = $1`,
      'update howdah.tools set is_active = false where id = $1',
      'update howdah.tools set is_active = true where id = $1',
      'delete from howdah.tools where id = $1',
    ]) {
      expect(await agentsTouchedBy((client) => client.query(edit, [tool]))).toEqual([user]);
    }
    expect(await definitionOf(user)).toMatchObject({ tools: [] });
  });

  test('configuration for an agent cannot change the function that a SQL tool calls', async () => {
    const own = { schema: 'shop', function: 'order_status', arguments: [], returns_set: false };
    const tool = await makeTool(db.pool, { kind: 'sql', configuration: JSON.stringify(own) });
    const agent = await makeAgent(db.pool);
    await db.pool.query(
      `insert into howdah.agent_tools (agent_id, tool_id, configuration) values ($1, $2, $3)`,
      [
        agent,
        tool,
        JSON.stringify({ schema: 'pg_catalog', function: 'pg_read_file', mission_override: 'x' }),
      ],
    );
    expect(await definitionOf(agent)).toMatchObject({
      tools: [{ configuration: { ...own, mission_override: 'x' } }],
    });
  });

  test('adding, configuring and removing a tool or a model makes a version each', async () => {
    const [tool, model, second] = [
      await makeTool(db.pool, { configuration: { a: 1, b: 1 } }),
      await makeModel(db.pool),
      await makeModel(db.pool),
    ];
    const agent = await makeAgent(db.pool);
    const edits = [
      [
        `insert into howdah.agent_tools (agent_id, tool_id, configuration) values ($1, $2, '{"b": 2}')`,
        tool,
      ],
      [
        'update howdah.agent_tools set requires_approval = true where agent_id = $1 and tool_id = $2',
        tool,
      ],
      ['delete from howdah.agent_tools where agent_id = $1 and tool_id = $2', tool],
      ['insert into howdah.agent_models (agent_id, model_id) values ($1, $2)', model],
      ['insert into howdah.agent_models (agent_id, model_id, position) values ($1, $2, 2)', second],
      [
        `update howdah.agent_models set request_params = '{"t": 0}' where agent_id = $1 and model_id = $2`,
        model,
      ],
      ['delete from howdah.agent_models where agent_id = $1 and model_id = $2', model],
    ] as const;
    for (const [index, [text, part]] of edits.entries()) {
      await db.pool.query(text, [agent, part]);
      expect(await countOf(agent)).toBe(index + 2);
    }
    const definitions = (await versionsOf(agent)).map((row) => row.definition);
    expect(definitions[1].tools).toMatchObject([{ id: tool, configuration: { a: 1, b: 2 } }]);
    expect(definitions[2].tools).toMatchObject([{ requires_approval: true }]);
    expect(definitions[5].models).toMatchObject([{ id: model }, { id: second }]);
    expect(definitions[6].models).toMatchObject([{ request_params: { t: 0 } }, {}]);
    expect(definitions[7].models).toMatchObject([{ id: second }]);
  });

  test('moving a tool from one agent to another affects both', async () => {
    const tool = await makeTool(db.pool);
    const [from, to] = [await makeAgent(db.pool), await makeAgent(db.pool)];
    await db.pool.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
      from,
      tool,
    ]);
    const touched = await agentsTouchedBy((client) =>
      client.query('update howdah.agent_tools set agent_id = $2 where agent_id = $1', [from, to]),
    );
    expect(touched.sort()).toEqual([from, to].sort());
  });

  test('the digest is the SHA-256 of the definition', async () => {
    const versions = await all(
      db.pool,
      'select definition::text as text, digest from howdah.agent_versions',
    );
    expect(versions.length).toBeGreaterThan(3);
    for (const row of versions) {
      expect(row.digest).toBe(createHash('sha256').update(row.text).digest('hex'));
    }
  });

  test('a version records the user who made it', async () => {
    const { id: user, tenant_id } = await one(
      db.pool,
      `insert into howdah.users (username) values ('ada') returning id, tenant_id`,
    );
    const agent = await committed(db.pool, async (client) => {
      await takeRole(client, 'howdah_app', {
        'howdah.user_id': user,
        'howdah.tenant_id': tenant_id,
      });
      return makeAgent(client);
    });
    expect(await versionsOf(agent)).toMatchObject([{ created_by: 'ada' }]);
  });

  test('two sessions that edit one agent make two versions, and lose no edit', async () => {
    const agent = await makeAgent(db.pool);
    const [toolA, toolB] = [await makeTool(db.pool), await makeTool(db.pool)];
    const give = 'insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)';
    const [first, second] = [await testClient(db.pool), await testClient(db.pool)];
    await first.query('begin');
    await second.query('begin');
    await first.query(give, [agent, toolA]);
    const waits = second.query(give, [agent, toolB]);
    await isBlocked(db.pool, second);
    await first.query('commit');
    await waits;
    await second.query('commit');
    expect((await versionsOf(agent)).map((row) => row.version)).toEqual([1, 2, 3]);
    expect((await definitionOf(agent)).tools.map((tool: { id: string }) => tool.id).sort()).toEqual(
      [toolA, toolB].sort(),
    );
  });

  test('a tool added to an agent during a concurrent edit of the tool is pinned as edited', async () => {
    for (const editorIsFirst of [true, false]) {
      const agent = await makeAgent(db.pool);
      const tool = await makeTool(db.pool);
      const [editor, giver] = [await testClient(db.pool), await testClient(db.pool)];
      await editor.query('begin');
      await giver.query('begin');
      const edit = () =>
        editor.query(`update howdah.tools set description = 'edited' where id = $1`, [tool]);
      const give = () =>
        giver.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
          agent,
          tool,
        ]);
      const [one, other] = editorIsFirst ? [edit, give] : [give, edit];
      const [leader, follower] = editorIsFirst ? [editor, giver] : [giver, editor];
      await one();
      const waits = other();
      await isBlocked(db.pool, follower);
      await leader.query('commit');
      await waits;
      await follower.query('commit');
      expect(await definitionOf(agent)).toMatchObject({ tools: [{ description: 'edited' }] });
    }
  });

  test('a model added to an agent during a concurrent edit of the model is pinned as edited', async () => {
    const agent = await makeAgent(db.pool);
    const model = await makeModel(db.pool);
    const [editor, giver] = [await testClient(db.pool), await testClient(db.pool)];
    await editor.query('begin');
    await editor.query(`update howdah.models set model = 'edited' where id = $1`, [model]);
    await giver.query('begin');
    const insertion = giver.query(
      'insert into howdah.agent_models (agent_id, model_id) values ($1, $2)',
      [agent, model],
    );
    await isBlocked(db.pool, giver);
    await editor.query('commit');
    await insertion;
    await giver.query('commit');
    expect(await definitionOf(agent)).toMatchObject({ models: [{ model: 'edited' }] });
  });

  test('an agent created during a concurrent edit of the default model pins the edited model', async () => {
    const tenant = await makeTenant(db.pool);
    const [editor, maker] = [await testClient(db.pool), await testClient(db.pool)];
    await editor.query('begin');
    await editor.query(
      `update howdah.models set model = 'edited' where name = 'default' and tenant_id = $1`,
      [tenant],
    );
    await maker.query('begin');
    const made = makeAgent(maker, { tenant_id: tenant });
    await isBlocked(db.pool, maker);
    await editor.query('commit');
    const agent = await made;
    await maker.query('commit');
    expect(await definitionOf(agent)).toMatchObject({ models: [{ model: 'edited' }] });
  });

  test('edits of agents that share a model do not wait for each other', async () => {
    const [first, second] = [await makeAgent(db.pool), await makeAgent(db.pool)];
    const model = await makeModel(db.pool);
    const clients = [await testClient(db.pool), await testClient(db.pool)] as const;
    for (const [index, client] of clients.entries()) {
      await client.query('begin');
      await client.query(`set local lock_timeout = '2s'`);
      await client.query('insert into howdah.agent_models (agent_id, model_id) values ($1, $2)', [
        index === 0 ? first : second,
        model,
      ]);
    }
    for (const client of clients) {
      await client.query('commit');
    }
    expect(await countOf(first)).toBe(2);
    expect(await countOf(second)).toBe(2);
  });
});
