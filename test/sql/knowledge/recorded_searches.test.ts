import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { applyRetention } from '../../../src/db/retention/apply-retention.ts';
import { testDatabase } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import {
  all,
  committed,
  makeTenant,
  makeUser,
  one,
  refusal,
  rolledBack,
  takeRole,
} from '../support.ts';

// Searches of people and applications by howdah.search: when they are recorded, who sees them, and
// what becomes of them. Searches of runs are in test/knowledge/citations.test.ts.

const db = testDatabase();
let tenant: string;
let other: string;
let ada: string;
let bob: string;
let boss: string;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  other = await makeTenant(db.pool);
  const user = async (username: string, role: string) =>
    (await makeUser(db.pool, { tenant_id: tenant, username, role })).id;
  ada = await user('ada', 'member');
  bob = await user('bob', 'viewer');
  boss = await user('boss', 'admin');
});
beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
  await db.pool.query('delete from howdah.searches');
  for (const of of [tenant, other]) await addBase('handbook', of);
});

async function addBase(name: string, tenantId = tenant) {
  await db.pool.query(
    `with base as (
       insert into howdah.knowledge_bases (tenant_id, name) values ($1, $2) returning tenant_id, id
     )
     insert into howdah.documents (tenant_id, knowledge_base_id, title, content, metadata)
     select b.tenant_id, b.id, d.title, d.content, d.metadata
     from base as b, (values
       ('Refunds', 'A refund is possible within 30 days.', '{"year": 2026}'::jsonb),
       ('Shipping', 'Shipping takes five days.', '{"year": 2025}')) as d (title, content, metadata)`,
    [tenantId, name],
  );
  await ingestDocuments(db.pool);
}

type Client = Parameters<typeof takeRole>[0];
type Caller = { role?: string; as?: string; in?: string };

const takeCaller = (client: Client, caller: Caller = {}) =>
  takeRole(client, 'howdah_app', {
    'howdah.tenant_id': caller.in ?? tenant,
    'howdah.user_id': caller.as ?? '',
    'howdah.role': caller.role ?? 'member',
  });

/** Does something as a caller, and commits it. */
const as = <T>(caller: Caller, work: (client: Client) => Promise<T>) =>
  committed(db.pool, async (client) => {
    await takeCaller(client, caller);
    return work(client);
  });

const SEARCH = `select title from howdah.search('{handbook}', 'refund days')`;
const search = (caller: Caller = { as: ada }, text = SEARCH) =>
  as(caller, (client) => all(client, text));
const recorded = (columns = 'query') =>
  all(db.pool, `select ${columns} from howdah.searches as s order by s.id`);
const seenBy = (caller: Caller, text = 'select query from howdah.searches order by id') =>
  as(caller, (client) => all(client, text));

describe('a search is recorded', () => {
  test('with who searched what, and what was found', async () => {
    await search({ as: ada }, SEARCH.replace("days')", `days', 1, '{"year": 2026}')`));
    expect(
      await recorded(
        `query, howdah.searches_query(s) as shown, created_by, user_id, mode, k, filter,
         execution_id, step_seq, tenant_id, cardinality(knowledge_base_ids) as bases`,
      ),
    ).toEqual([
      {
        ...{ query: 'refund days', shown: 'refund days', created_by: 'ada', user_id: ada },
        ...{ mode: 'text', k: 1, filter: { year: 2026 }, tenant_id: tenant, bases: 1 },
        ...{ execution_id: null, step_seq: null },
      },
    ]);
    expect(
      await all(
        db.pool,
        `select r.rank, d.title, r.digest = md5(c.content) as has_digest, r.score > 0 as has_score
         from howdah.searches as s join howdah.search_results as r on r.search_id = s.id
         join howdah.documents as d on d.id = r.document_id
         join howdah.chunks as c on c.number = r.chunk_number`,
      ),
    ).toEqual([{ rank: 1, title: 'Refunds', has_digest: true, has_score: true }]);
  });

  test('of an application, by the name of its login', async () => {
    await search({});
    const { name } = await one(db.pool, 'select session_user::text as name');
    expect(await recorded('created_by, user_id')).toEqual([{ created_by: name, user_id: null }]);
  });

  test('that finds nothing, and not one without a base', async () => {
    await search({ as: ada }, `select from howdah.search(null, 'zebra')`);
    await db.pool.query('delete from howdah.knowledge_bases where tenant_id = $1', [other]);
    await search({ in: other }, `select from howdah.search(null, 'zebra')`);
    expect(await recorded()).toEqual([{ query: 'zebra' }]);
    expect(await all(db.pool, 'select from howdah.search_results')).toEqual([]);
  });

  test.each([
    ['a subquery', `select count(*) from (${SEARCH}) as s`],
    ['a condition', `select 1 where exists (${SEARCH})`],
    ['a list', `select (howdah.search('{handbook}', 'refund days')).title`],
    ['a view', `create temporary view shown as ${SEARCH}; select * from shown; drop view shown`],
    ['a temporary table', `create temporary table found on commit drop as ${SEARCH}`],
    ['a cursor', `declare found cursor for ${SEARCH}; fetch all found; close found`],
    ['a cursor that is held', `close all; declare held cursor with hold for ${SEARCH}`],
    ['explain analyze', `explain analyze ${SEARCH}`],
    ['two parts of a statement', `with a as (${SEARCH}), b as (${SEARCH}) select from a, b`],
    ['two statements of a transaction', `${SEARCH}; ${SEARCH}`],
    ['a serializable transaction', `set transaction isolation level serializable; ${SEARCH}`],
    ['parallel workers', `set local debug_parallel_query = on; ${SEARCH}`],
  ])('once by %s', async (name, text) => {
    const { major } = await one(
      db.pool,
      `select current_setting('server_version_num')::int / 10000 as major`,
    );
    const statement =
      (major as number) < 16 ? text.replace('debug_parallel_query', 'force_parallel_mode') : text;
    await committed(db.pool, async (client) => {
      if (name.includes('serializable')) {
        await client.query('set transaction isolation level serializable');
      }
      await takeCaller(client, { as: ada });
      await client.query(statement.replace(/^set transaction [^;]*;/, ''));
    });
    expect(await recorded()).toEqual([{ query: 'refund days' }]);
  });

  test('once by transactions at the same time and within a second, and again later', async () => {
    await committed(db.pool, async (first) => {
      await takeCaller(first, { as: ada });
      await first.query(SEARCH);
      await search(); // does not wait
    });
    await search();
    expect(await recorded()).toHaveLength(1);
    await search({ as: bob });
    await search({ as: ada }, SEARCH.replace("days'", "days', 3"));
    await search({ as: ada }, SEARCH.replace("days'", "days', 10, '{}', 'text'")); // the same
    expect(await recorded('created_by, k')).toEqual([
      { created_by: 'ada', k: 10 },
      { created_by: 'bob', k: 10 },
      { created_by: 'ada', k: 3 },
    ]);
    await db.pool.query(`update howdah.searches set created_at = created_at - interval '1 second'`);
    await search();
    expect(await recorded()).toHaveLength(4);
  });

  test('for each query of a lateral join', async () => {
    await search(
      { as: ada },
      `select from unnest('{refund,days,refund}'::text[]) as q (query)
       cross join lateral howdah.search('{handbook}', q.query)`,
    );
    expect(await recorded()).toEqual([{ query: 'refund' }, { query: 'days' }]);
  });

  test('for each of many queries in one statement, with a bounded number of locks', async () => {
    const locks = await as({ as: ada }, async (client) => {
      await client.query(
        `select from generate_series(1, 150) as n
         cross join lateral howdah.search('{handbook}', 'refund ' || n)`,
      );
      return one(
        client,
        `select count(*)::int as n from pg_locks
         where locktype = 'advisory' and pid = pg_backend_pid()`,
      );
    });
    expect([locks.n, (await recorded()).length]).toEqual([100, 150]);
  });

  test('with at most 100 results', async () => {
    await db.pool.query(
      `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
       select b.tenant_id, b.id, 'day ' || n, 'refund ' || n
       from howdah.knowledge_bases as b, generate_series(1, 120) as n where b.tenant_id = $1`,
      [tenant],
    );
    await ingestDocuments(db.pool);
    const found = await search({ as: ada }, SEARCH.replace("days'", "days', 1000"));
    expect(found.length).toBeGreaterThan(120);
    expect(
      await all(db.pool, 'select max(rank), count(*)::int from howdah.search_results'),
    ).toEqual([{ max: 100, count: 100 }]);
    const replay = `select recorded, found, overlap from howdah.replay_searches('handbook')`;
    expect(await seenBy({ as: ada }, replay)).toEqual([{ recorded: 100, found: 100, overlap: 1 }]);
  });
});

describe('nothing is recorded', () => {
  test('in a read-only transaction, which finds the same', async () => {
    const found = await rolledBack(db.pool, async (client) => {
      await takeCaller(client, { as: ada });
      await client.query('set transaction read only');
      return all(client, SEARCH);
    });
    expect(found).toEqual([{ title: 'Refunds' }, { title: 'Shipping' }]);
    expect(await recorded()).toEqual([]);
  });

  test('by explain, and by a search that is refused', async () => {
    await search({ as: ada }, `explain ${SEARCH}`);
    await refusal(search({ as: ada }, `select from howdah.search('{nobase}', 'refund')`));
    await refusal(search({ as: ada }, `select from howdah.search('{handbook}', ' ')`));
    expect(await recorded()).toEqual([]);
  });

  test('if one of the bases records no searches', async () => {
    await addBase('diary');
    await as({ role: 'admin', as: boss }, (client) =>
      client.query(
        `update howdah.knowledge_bases set records_searches = false where name = 'diary'`,
      ),
    );
    await search({ as: ada }, `select from howdah.search('{handbook,diary}', 'refund')`);
    await search({ as: ada }, `select from howdah.search(null, 'refund')`);
    expect(await recorded()).toEqual([]);
    await search();
    expect(await recorded()).toEqual([{ query: 'refund days' }]);
  });

  test('by a replay, by fitting and by a search that asks for its vector or ranking', async () => {
    await search();
    await seenBy({ as: ada }, `select from howdah.replay_searches('handbook')`);
    await as({ role: 'admin', as: boss }, (client) =>
      client.query(`select howdah.embed_query('{handbook}', 'refund');
        select howdah.rerank_query('{handbook}', 'refund')`),
    );
    await refusal(
      as({ role: 'admin', as: boss }, (client) =>
        client.query(`select howdah.fit_ranking('handbook')`),
      ),
    );
    expect(await recorded()).toEqual([{ query: 'refund days' }]);
  });
});

describe('the query is not stored', () => {
  const columns = 'query, filter, created_by';
  const withheld = [{ query: null, filter: null, created_by: 'ada' }];

  test.each([
    ['encrypts contents', 'encrypt_contents', true],
    ['keeps no contents', 'keep_contents_days', 0],
  ])('by a tenant that %s', async (_, column, value) => {
    await db.pool.query(
      `insert into howdah.retention_policies (tenant_id, ${column}) values ($1, $2)`,
      [tenant, value],
    );
    try {
      await search();
      expect(await recorded(columns)).toEqual(withheld);
      expect(await seenBy({ as: ada }, 'select from howdah.replay_searches()')).toEqual([]);
    } finally {
      await db.pool.query('delete from howdah.retention_policies');
    }
  });

  test('if an input filter blocks it, and redacted as in runs', async () => {
    const filter = (action: string) =>
      db.pool.query(
        `insert into howdah.output_filters (tenant_id, name, pattern, places, action)
         values ($1, $2, $3, '{input}', $4)`,
        [tenant, action, action === 'block' ? 'refund' : 'days', action],
      );
    try {
      await filter('redact');
      await search();
      expect(await recorded()).toEqual([{ query: 'refund [redact withheld]' }]);
      await filter('block');
      await search({ as: ada }, SEARCH.replace("days'", "money'"));
      expect((await recorded(columns))[1]).toEqual(withheld[0]);
    } finally {
      await db.pool.query('delete from howdah.output_filters');
    }
  });
});

describe('a recorded search', () => {
  const RESULTS = 'select rank from howdah.search_results order by 1';
  const REPLAY = `select query, execution_id, times, recorded, kept, overlap
    from howdah.replay_searches('handbook') order by query`;
  const HEALTH = `select searches::int, direct_searches::int, direct_searches_without_results::int
    from howdah.knowledge_health`;

  test('is seen by who searched and by admins', async () => {
    await search();
    await search({}, SEARCH.replace('days', 'policy'));
    const mine = [{ query: 'refund days' }];
    expect(await seenBy({ as: ada })).toEqual(mine);
    expect(await seenBy({ as: bob, role: 'viewer' })).toEqual([]);
    expect(await seenBy({})).toEqual([]); // nobody knows whose the searches of an application are
    expect(await seenBy({ as: boss, role: 'admin' })).toEqual([
      ...mine,
      { query: 'refund policy' },
    ]);
    expect(await seenBy({ in: other, role: 'admin' })).toEqual([]);
    const counts = [];
    for (const caller of [{ as: ada }, { as: bob }, { in: other }, { as: boss, role: 'admin' }]) {
      counts.push([
        (await seenBy(caller, RESULTS)).length,
        (await seenBy(caller, REPLAY)).length,
        (await seenBy(caller, HEALTH))[0]?.direct_searches,
      ]);
    }
    expect(counts).toEqual([
      [2, 1, 1],
      [0, 0, 0],
      [0, 0, 0],
      [3, 2, 2],
    ]);
  });

  test('is written by nobody', async () => {
    await search();
    for (const text of [
      `update howdah.searches set query = 'x'`,
      'delete from howdah.searches',
      'delete from howdah.search_results',
      `select howdah_private.record_search('{}', 'x', 1, '{}', null, null, '{}')`,
    ]) {
      const refused = await refusal(as({ as: boss, role: 'owner' }, (c) => c.query(text)));
      expect(refused.code).toBe('42501');
    }
  });

  test('is compared with what is found now, with its k and filter', async () => {
    await search();
    await db.pool.query(`update howdah.searches set created_at = created_at - interval '1 second'`);
    await search();
    await search({ as: ada }, SEARCH.replace("days'", `days', 5, '{"year": 2025}'`));
    const replay = (text = REPLAY) => seenBy({ as: ada }, text);
    const row = { query: 'refund days', execution_id: null, overlap: 1 };
    const by = REPLAY.replace('order by query', 'order by recorded');
    expect(await replay(by)).toEqual([
      { ...row, times: 1, recorded: 1, kept: 1 },
      { ...row, times: 2, recorded: 2, kept: 2 },
    ]);
    await db.pool.query(`update howdah.documents set content = 'Shipping is free.'
      where title = 'Shipping'`);
    await ingestDocuments(db.pool);
    expect(await replay(by)).toEqual([
      { ...row, times: 1, recorded: 1, kept: 0, overlap: 0 },
      { ...row, times: 2, recorded: 2, kept: 1, overlap: 0.5 },
    ]);
    const joined = `select s.query from howdah.replay_searches('handbook') as r
      join howdah.searches as s on s.id = r.search_id`;
    expect(await replay(joined)).toHaveLength(2);
  });

  test('counts in the health of its base, apart from those of runs', async () => {
    await search();
    await search({ as: ada }, SEARCH.replace('refund days', 'zebra'));
    expect(await seenBy({ as: ada }, HEALTH)).toEqual([
      { searches: 0, direct_searches: 2, direct_searches_without_results: 1 },
    ]);
  });

  test('is exported with its user, and erased', async () => {
    await search();
    await search({ as: bob }, SEARCH.replace('days', 'terms'));
    await rolledBack(db.pool, async (client) => {
      const exported = await all(
        client,
        `select d ->> 'query' as query from howdah.export_user_data($1) as d
         where d ->> 'kind' = 'search'`,
        [ada],
      );
      expect(exported).toEqual([{ query: 'refund days' }]);
      const redacted = await all(
        client,
        `select d ->> 'query' as query from howdah.export_user_data($1, true) as d
         where d ->> 'kind' = 'search'`,
        [ada],
      );
      expect(redacted).not.toContainEqual({ query: 'refund days' });
      await client.query('select howdah.erase_user($1)', [ada]);
      expect(await all(client, 'select query from howdah.searches')).toEqual([
        { query: 'refund terms' },
      ]);
    });
  });

  test('is deleted with each of its bases', async () => {
    await addBase('diary');
    await search({ as: ada }, `select from howdah.search('{handbook,diary}', 'refund')`);
    await search();
    await db.pool.query(`delete from howdah.knowledge_bases where name = 'diary'`);
    expect(await recorded()).toEqual([{ query: 'refund days' }]);
  });

  test('is kept for 90 days, or as long as contents and runs', async () => {
    const age = (days: number) =>
      db.pool.query(`update howdah.searches set created_at = now() - make_interval(days => $1)`, [
        days,
      ]);
    await search();
    await search({ in: other });
    await age(89);
    await applyRetention(db.pool);
    expect(await recorded()).toHaveLength(2);
    await db.pool.query(
      `insert into howdah.retention_policies (tenant_id, keep_contents_days) values ($1, 88)`,
      [other],
    );
    try {
      await applyRetention(db.pool);
      expect(await recorded('tenant_id')).toEqual([{ tenant_id: tenant }]);
      await age(91);
      await applyRetention(db.pool);
      expect(await recorded()).toEqual([]);
      await search({ in: other });
      await db.pool.query(
        'update howdah.retention_policies set encrypt_contents = true, keep_contents_days = null',
      );
      await search({ in: other }, SEARCH.replace('days', 'policy'));
      await applyRetention(db.pool);
      expect(await recorded()).toEqual([{ query: null }]); // the other one was not encrypted
    } finally {
      await db.pool.query('delete from howdah.retention_policies');
    }
  });
});

describe('the searches of a base', () => {
  const of = (caller: Caller, args = `'handbook'`) =>
    as(caller, (client) => all(client, `select query from howdah.searches_of(${args}) as s`));
  const BASES = 'select knowledge_base_id, search_id from howdah_private.searched_bases';

  test('are found by its name, the newest first, with those in other bases besides', async () => {
    await addBase('guide');
    await search({ as: ada }, `select from howdah.search('{handbook}', 'one')`);
    await search({ as: ada }, `select from howdah.search('{handbook,guide}', 'two')`);
    await search({ as: bob }, `select from howdah.search('{guide}', 'three')`);
    expect(await of({ as: ada })).toEqual([{ query: 'two' }, { query: 'one' }]);
    expect(await of({ as: ada }, `'handbook', 1`)).toEqual([{ query: 'two' }]);
    expect(await of({ as: bob })).toEqual([]);
    expect(await of({ as: boss, role: 'admin' }, `'guide'`)).toEqual([
      { query: 'three' },
      { query: 'two' },
    ]);
  });

  test('are read by nobody who does not see the search', async () => {
    await search();
    expect(await as({ as: ada }, (client) => all(client, BASES))).toHaveLength(1);
    expect(await as({ as: bob }, (client) => all(client, BASES))).toEqual([]);
    expect(await as({ in: other }, (client) => all(client, BASES))).toEqual([]);
    await db.pool.query('delete from howdah.searches');
    expect(await all(db.pool, BASES)).toEqual([]);
  });

  test.each([
    [`'handbok'`, 'HWNTF', { knowledge_base: 'handbok' }],
    [`'handbook', 0`, 'HWINV', { field: 'most' }],
    [`'handbook', null`, 'HWINV', { field: 'most' }],
  ])('of (%s) are refused', async (args, code, detail) => {
    const refused = await refusal(of({ as: ada }, args));
    expect(refused).toMatchObject({ code });
    expect(JSON.parse(String(refused.detail))).toEqual(detail);
  });
});
