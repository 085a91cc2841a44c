import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { metadataContains } from '../../../src/db/queries/run-search.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { testDatabase } from '../../support/database.ts';
import { all, asRole, makeAgent, makeRun, makeTenant, makeUser, one, refusal } from '../support.ts';

const db = testDatabase();
let tenant: string;
let agent: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool);
  tenant = (await one(db.pool, `select id from howdah.tenants where slug = 'default'`)).id;
});

const run = (metadata: unknown, columns: Record<string, unknown> = {}) =>
  makeRun(db.pool, { agent_id: agent, metadata: JSON.stringify(metadata), ...columns });

const tagsOf = async (id: string) =>
  (
    await all(
      db.pool,
      `select g.key || ' ' || g.value as tag from howdah_private.run_tags as g where g.execution_id = $1 order by 1`,
      [id],
    )
  ).map(({ tag }) => tag);

/** Returns the runs that a list finds by metadata, and those that `find_runs` returns. */
async function found(filter: JsonObject, role = 'howdah_app', of = tenant) {
  const json = JSON.stringify(filter);
  const conditions = metadataContains(filter).map((text) => text.replaceAll('?', '$1'));
  return asRole(db.pool, role, { 'howdah.tenant_id': of }, async (client) => {
    const list = await all(
      client,
      `select t.id from howdah.executions as t where $1::jsonb is not null and ${conditions.join(' and ')} order by t.id desc`,
      [json],
    );
    const runs = await all(client, 'select id from howdah.find_runs($1)', [json]);
    expect(runs).toEqual(list);
    return list.map(({ id }) => id as string);
  });
}

describe('tags of a run', () => {
  test('are the values at each key of its metadata, nested ones too', async () => {
    const id = await run({
      order: 4711.0,
      name: 'Ann',
      is_new: true,
      none: null,
      tags: ['a', { b: 'c' }],
      of: {},
    });
    expect(await tagsOf(id)).toEqual([
      'is_new true',
      'name "Ann"',
      'none null',
      'of {}',
      'order 4711',
      'tags "a"',
      'tags "c"',
      'tags []',
    ]);
    expect(await tagsOf(await run({}))).toEqual([]);
  });

  test('are digests of long keys and values, which are found as well', async () => {
    const long = 'x'.repeat(3_000);
    const id = await run({ [long]: `${long}1` });
    await run({ [long]: `${long}2` });
    expect((await tagsOf(id)).map((tag) => tag.length)).toEqual([65]);
    expect(await found({ [long]: `${long}1` })).toEqual([id]);
  });

  test('follow a change of the metadata', async () => {
    const id = await run({ step: 'first', same: 1 });
    await db.pool.query(
      `update howdah.executions set metadata = '{"step": "second", "same": 1}' where id = $1`,
      [id],
    );
    expect(await tagsOf(id)).toEqual(['same 1', 'step "second"']);
    expect(await found({ step: 'first' })).toEqual([]);
  });

  test('are replaced with a debounced run', async () => {
    const window = { debounce_key: 'tags', debounce_ms: 3_600_000 };
    const id = await run({ version: 'old' }, window);
    expect(await run({ version: 'new' }, window)).toBe(id);
    expect(await tagsOf(id)).toEqual(['version "new"']);
  });

  test('are gone once the run is erased or deleted', async () => {
    const ids = [await run({ person: 'a' }), await run({ person: 'b' })];
    for (const id of ids) await db.pool.query('select howdah.cancel_execution($1)', [id]);
    await db.pool.query('select howdah_private.erase_runs(array[$1::uuid])', [ids[0]]);
    await db.pool.query('select howdah_private.delete_runs(array[$1::uuid])', [ids[1]]);
    expect([...(await tagsOf(ids[0] ?? '')), ...(await tagsOf(ids[1] ?? ''))]).toEqual([]);
    expect(await all(db.pool, `select from howdah_private.run_tags where key = 'person'`)).toEqual(
      [],
    );
  });
});

describe('a search', () => {
  test('finds the runs that contain the object, as jsonb does, newest first', async () => {
    const metadata: JsonObject[] = [
      { kind: 'x', order: 1 },
      { kind: 'x', order: 1.0, tags: ['a', 'b'] },
      { kind: 'x', order: '1' },
      { kind: 'x', nested: { order: 1, deep: { tags: [1, 2] } } },
      { kind: 'x', tags: [], nested: {} },
      { kind: 'x', tags: [['a']], order: null },
      { kind: ['x'] },
    ];
    for (const each of metadata) await run(each);
    const filters: JsonObject[] = [
      ...metadata,
      { order: 1 },
      { tags: ['a'] },
      { tags: ['b', 'a'] },
      { tags: [] },
      { nested: {} },
      { nested: { order: 1 } },
      { nested: { deep: { tags: [2] } } },
      { order: null },
      { kind: 'x', order: 1, tags: ['c'] },
    ];
    for (const filter of filters) {
      const expected = await all(
        db.pool,
        'select id from howdah.executions where metadata @> $1 order by id desc',
        [JSON.stringify(filter)],
      );
      expect({ filter, found: await found(filter) }).toEqual({
        filter,
        found: expected.map(({ id }) => id),
      });
    }
  });

  test('finds neither runs of other tenants nor those of hidden agents', async () => {
    const other = await makeTenant(db.pool);
    const hidden = await makeAgent(db.pool);
    const shown = await run({ seen: 1 });
    await run({ seen: 1 }, { agent_id: hidden });
    await db.pool.query('update howdah.agents set is_restricted = true where id = $1', [hidden]);
    const member = await makeUser(db.pool, { role: 'member' });
    const tags = `select execution_id as id from howdah_private.run_tags where key = 'seen'`;
    const asMember = {
      'howdah.tenant_id': tenant,
      'howdah.user_id': member.id,
      'howdah.role': 'member',
    };
    for (const role of ['howdah_app', 'howdah_analyst']) {
      const mine = await asRole(db.pool, role, asMember, async (client) => [
        await all(client, tags),
        await all(client, `select id from howdah.find_runs('{"seen": 1}')`),
      ]);
      expect(mine).toEqual([[{ id: shown }], [{ id: shown }]]);
      expect(await found({ seen: 1 }, role, other)).toEqual([]);
    }
    await db.pool.query('update howdah.agents set is_restricted = false where id = $1', [hidden]);
  });

  test('returns as many runs as asked for, without callback URLs', async () => {
    const ids = [];
    for (let count = 0; count < 3; count += 1) {
      ids.push(await run({ many: true }, { callback_url: 'https://example.com/?key=1' }));
    }
    const rows = await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) =>
      all(client, `select id, callback_url from howdah.find_runs('{"many": true}', most => 2)`),
    );
    expect(rows).toEqual([ids[2], ids[1]].map((id) => ({ id, callback_url: null })));
  });

  test.each([
    [`null`, 'metadata'],
    [`'{}'`, 'metadata'],
    [`'[1]'`, 'metadata'],
    [`'{"a": 1}', 0`, 'most'],
    [`'{"a": 1}', 10001`, 'most'],
    [`'{"a": 1}', null`, 'most'],
  ])('with %s names the field %s', async (args, field) => {
    expect(await refusal(db.pool.query(`select howdah.find_runs(${args})`))).toMatchObject({
      code: 'HWINV',
      detail: JSON.stringify({ field }).replace(':', ': '),
    });
  });
});

describe('runs that are older than the table', () => {
  afterAll(() => db.pool.query('delete from howdah_private.backfills'));

  test('get their tags in batches, and those of an erased run stay away', async () => {
    const ids = [await run({ old: 1 }), await run({ old: 2 }), await run({})];
    await db.pool.query('delete from howdah_private.run_tags');
    await db.pool.query(`insert into howdah_private.backfills (name) values ('run_tags')`);
    let batches = 0;
    for (let rows = 1; rows > 0; batches += 1) {
      rows = (await one(db.pool, 'select howdah_private.backfill_run_tags(2) as rows')).rows;
    }
    expect(batches).toBeGreaterThan(2);
    expect(await Promise.all(ids.map(tagsOf))).toEqual([['old 1'], ['old 2'], []]);
    expect(await all(db.pool, 'select from howdah_private.backfills')).toEqual([]);
    const wrong = await all(
      db.pool,
      `select e.id from howdah.executions as e cross join howdah_private.tags_of(e.metadata) as t
       where not exists (select from howdah_private.run_tags as g where g.execution_id = e.id
         and g.tenant_id = e.tenant_id and g.key = t.key and g.value = t.value)`,
    );
    expect(wrong).toEqual([]);
  });
});
