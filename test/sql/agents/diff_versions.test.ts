import { describe, expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../src/json/json.ts';
import { testDatabase } from '../../support/database.ts';
import { all, makeAgent, makeTool, one, refusal } from '../support.ts';

const db = testDatabase();

type Operation = { op: 'add' | 'remove' | 'replace'; path: string; value?: Json };

/** Applies a patch by RFC 6902, as far as diffs use it. */
function patched(document: Json, operations: readonly Operation[]): Json {
  const root = structuredClone(document) as Record<string, Json>;
  for (const { op, path, value = null } of operations) {
    const keys = path.split('/').slice(1);
    const last = (keys.pop() ?? '').replaceAll('~1', '/').replaceAll('~0', '~');
    let target: Record<string, Json> | Json[] = root;
    for (const key of keys) {
      const name = key.replaceAll('~1', '/').replaceAll('~0', '~');
      target = (target as Record<string, Json>)[name] as Record<string, Json>;
    }
    if (Array.isArray(target)) {
      const rest = op === 'add' ? 0 : 1;
      target.splice(Number(last), rest, ...(op === 'remove' ? [] : [value]));
    } else if (op === 'remove') {
      delete target[last];
    } else {
      target[last] = value;
    }
  }
  return root;
}

async function changes(before: Json, after: Json): Promise<Operation[]> {
  const rows = await all(
    db.pool,
    `select op, path, new as value from howdah_private.json_changes($1, $2)`,
    [JSON.stringify(before), JSON.stringify(after)],
  );
  return rows as Operation[];
}

const part = (name: string, text = '') => ({ name, text });

describe('a patch', () => {
  test.each<[string, JsonObject, JsonObject, number]>([
    ['equal documents', { a: 1 }, { a: 1 }, 0],
    ['a changed value', { a: 1, b: null }, { a: 2, b: null }, 1],
    ['an added and a removed key', { a: 1 }, { b: 1 }, 2],
    ['null versus a missing key', { a: null }, {}, 1],
    ['names that need escapes', { 'a/b~c': 1, '': 2 }, { 'a/b~c': 2, '': 3 }, 2],
    ['a value of another type', { a: [1] }, { a: { b: 1 } }, 1],
    ['a change in a plain list', { a: [1, 2] }, { a: [1, 3] }, 1],
    [
      'a part inserted in the middle',
      { a: [part('x'), part('z')] },
      { a: [part('x'), part('y'), part('z')] },
      1,
    ],
    ['removed parts', { a: [part('x'), part('y'), part('z')] }, { a: [part('y')] }, 2],
    [
      'removed, added and changed parts',
      { a: [part('u'), part('x'), part('z')] },
      { a: [part('w'), part('x', 'new'), part('y')] },
      5,
    ],
    ['parts in another order', { a: [part('x'), part('y')] }, { a: [part('y'), part('x')] }, 1],
    ['the first part of a list', { a: [] }, { a: [part('x')] }, 1],
    ['parts with equal names', { a: [part('x'), part('x')] }, { a: [part('x')] }, 1],
  ])('describes %s', async (_, before, after, count) => {
    const operations = await changes(before, after);
    expect(patched(before, operations)).toEqual(after);
    expect(operations).toHaveLength(count);
  });

  test('transforms one document into the other for random documents', async () => {
    const documents: JsonObject[] = [];
    let seed = 7;
    const random = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return Math.floor((seed / 2 ** 31) * below);
    };
    const value = (depth: number): Json => {
      const kind = random(depth > 3 ? 3 : 6);
      if (kind === 3) return Array.from({ length: random(4) }, () => value(depth + 1));
      if (kind === 4) {
        const names = ['x', 'y', 'z', 'w'].filter(() => random(2) === 0);
        return names.sort(() => random(3) - 1).map((name) => ({ name, v: value(depth + 1) }));
      }
      if (kind === 5) return object(depth + 1);
      return [random(3), ['', 'a'][random(2)] ?? '', null][kind] ?? null;
    };
    const object = (depth: number): JsonObject =>
      Object.fromEntries(
        ['a', 'b/c', 'd~e', 'list'].filter(() => random(3) > 0).map((key) => [key, value(depth)]),
      );
    for (let i = 0; i < 150; i += 1) documents.push(object(0));
    for (const [at, after] of documents.entries()) {
      const before = documents[at - 1] ?? {};
      expect(patched(before, await changes(before, after))).toEqual(after);
    }
  });
});

describe('versions', () => {
  test('of an agent are compared by number and label, as a patch and as text', async () => {
    const { pool } = db;
    const agent = await makeAgent(pool, { name: 'desk', instruction: 'Help.\nBe kind.' });
    const tool = await makeTool(pool, { name: 'look' });
    await pool.query('insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)', [
      agent,
      tool,
    ]);
    await pool.query(`update howdah.agents set instruction = E'Help.\nBe brief.' where id = $1`, [
      agent,
    ]);
    await pool.query(`select howdah.label_agent_version($1, 1, 'stable')`, [agent]);
    const { patch, text } = await one(
      pool,
      `select jsonb_agg(operation) as patch, string_agg(text, E'\n') as text
       from howdah.diff_agent_versions($1, 'stable')`,
      [agent],
    );
    const definition = async (version: number) =>
      (
        await one(
          pool,
          'select definition from howdah.agent_versions where agent_id = $1 and version = $2',
          [agent, version],
        )
      ).definition;
    expect(patched(await definition(1), patch)).toEqual(await definition(3));
    expect(text).toContain('agent.instruction\n- Help.\n- Be kind.\n+ Help.\n+ Be brief.');
    expect(text).toContain('tools.look\n+ {');
    expect(
      await all(pool, `select place, op from howdah.diff_agent_versions($1, '2', '3')`, [agent]),
    ).toEqual([{ place: 'agent.instruction', op: 'replace' }]);
    for (const [from, to] of [
      ['9', null],
      ['1', 'nobody'],
      ['1', '0'],
    ] as const) {
      const work = pool.query('select * from howdah.diff_agent_versions($1, $2, $3)', [
        agent,
        from,
        to,
      ]);
      expect(await refusal(work)).toMatchObject({ code: 'HWNTF' });
    }
  });

  test('of a workflow are compared, labelled and restored', async () => {
    const { pool } = db;
    const [writer, editor] = [
      await makeAgent(pool, { name: 'writer' }),
      await makeAgent(pool, { name: 'editor' }),
    ];
    await pool.query(
      `with team as (
         insert into howdah.workflows (name, type, configuration)
         values ('press', 'chain', '{"cumulative": true}') returning id
       )
       insert into howdah.workflow_agents (workflow_id, sequence_order, agent_id, role, question)
       select t.id, m.* from team as t, (values
         (1, $1::uuid, null, null::jsonb), (3, $2, 'second', null), (7, null, null, '{"prompt": "Fine?"}')
       ) as m`,
      [writer, editor],
    );
    const { id } = await one(pool, `select howdah.workflow('press') as id`);
    const current = () =>
      one(
        pool,
        `select v.version, v.digest, v.definition from howdah.workflows as w
         join howdah.workflow_versions as v on v.id = w.current_version_id where w.id = $1`,
        [id],
      );
    const before = await current();
    await pool.query(
      `delete from howdah.workflow_agents where workflow_id = $1 and role = 'second'`,
      [id],
    );
    await pool.query(
      `update howdah.workflows set type = 'voting', configuration = '{}' where id = $1`,
      [id],
    );
    expect(
      (await all(pool, `select place from howdah.diff_workflow_versions($1, '1')`, [id])).map(
        ({ place }) => place,
      ),
    ).toEqual(['workflow.configuration.cumulative', 'workflow.members.second', 'workflow.type']);
    await pool.query(`update howdah.agents set name = 'author' where id = $1`, [writer]);
    const restored = await one(pool, 'select * from howdah.restore_workflow_version($1, 1)', [id]);
    expect(restored).toMatchObject({ type: 'chain', configuration: { cumulative: true } });
    const after = await current();
    expect(after.version).toBeGreaterThan(before.version);
    expect(after.digest).toBe(before.digest);
    expect(after.definition).toEqual(before.definition);
    await pool.query(`select howdah.label_workflow_version($1, 1, 'stable')`, [id]);
    expect(
      await all(pool, `select * from howdah.diff_workflow_versions($1, 'stable')`, [id]),
    ).toEqual([]);
    await pool.query('delete from howdah.workflow_agents where workflow_id = $1', [id]);
    await pool.query('select howdah.delete_agent($1)', [editor]);
    expect(
      await refusal(pool.query('select howdah.restore_workflow_version($1, 1)', [id])),
    ).toMatchObject({ code: 'HWCNF', message: expect.stringContaining('member second') });
    expect(
      await refusal(pool.query('select howdah.restore_workflow_version($1, 99)', [id])),
    ).toMatchObject({ code: 'HWNTF' });
  });
});
