import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  makeAgent,
  makeSession,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  rolledBack,
  takeRole,
  type User,
} from '../support.ts';

// Memories of people: what is added, corrected, forgotten and found, and by whom.

const db = testDatabase();
let tenant: string;
let other: string;
let ada: User;
let ben: User;
let admin: User;
let viewer: User;
let stranger: User;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  other = await makeTenant(db.pool);
  const person = (role: string, tenantId = tenant) =>
    makeUser(db.pool, { tenant_id: tenantId, role });
  ada = await person('member');
  ben = await person('member');
  admin = await person('admin');
  viewer = await person('viewer');
  stranger = await person('owner', other);
});
afterEach(() => db.pool.query('delete from howdah.memories'));

type Row = { id: string; content: string; superseded_by: string | null; [name: string]: unknown };

/** Runs a statement as a user, and commits it. */
async function as<T extends pg.QueryResultRow = Row>(
  user: User,
  text: string,
  values: unknown[] = [],
): Promise<T[]> {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await actAs(client, user);
    const { rows } = await client.query<T>(text, values);
    await client.query('commit');
    return rows;
  } catch (error) {
    await client.query('rollback');
    throw error;
  } finally {
    client.release();
  }
}

const actAs = (client: pg.PoolClient, user: User) =>
  takeRole(client, 'howdah_app', {
    'howdah.tenant_id': user.tenant_id,
    'howdah.user_id': user.id,
  });

async function remember(user: User, content: string, scope = 'user', subject?: string) {
  const [row] = await as(user, 'select * from howdah.remember($1, $2, $3)', [
    content,
    scope,
    subject ?? null,
  ]);
  return row as Row;
}
const correct = async (user: User, id: string, content: string) =>
  (await as(user, 'select * from howdah.correct_memory($1, $2)', [id, content]))[0] as Row;
const forget = (user: User, id: string) => as(user, 'select howdah.forget($1)', [id]);
const recall = async (user: User, query: string, k = 10, scope?: string, subject?: string) =>
  (
    await as(user, 'select * from howdah.recall($1, $2, $3, $4)', [
      query,
      k,
      scope ?? null,
      subject ?? null,
    ])
  ).map(({ content }) => content);
const stored = () => all<Row>(db.pool, 'select * from howdah.memories order by id');

describe('a memory', () => {
  test('is about the caller, says who wrote it, and is found by its words', async () => {
    const row = await remember(ada, '  Prefers answers\n in French. ');
    expect(row).toMatchObject({
      content: 'Prefers answers\n in French.',
      scope: 'user',
      kind: 'fact',
      subject_id: ada.id,
      user_id: ada.id,
      trust: 'user',
      created_by: ada.username,
      source_execution_id: null,
      valid_to: null,
    });
    expect(await recall(ada, 'which answer does she prefer?')).toEqual([row.content]);
    expect(await recall(ada, 'zebras')).toEqual([]);
  });

  test('that is told again adds no row, and is no more certain', async () => {
    const [first] = await as(
      ada,
      `select * from howdah.remember('The door code changed.', trust => 'external')`,
    );
    const again = await remember(ada, ' The  door code\nchanged. ');
    expect(again).toEqual(first);
    expect(again.trust).toBe('external');
    expect(await stored()).toHaveLength(1);
    await remember(ben, 'The door code changed.');
    expect(await stored()).toHaveLength(2);
  });

  test('that two transactions add at once is one row', async () => {
    const rows = await Promise.all(
      Array.from({ length: 8 }, () => remember(ada, 'Works in Lyon.')),
    );
    expect(new Set(rows.map(({ id }) => id)).size).toBe(1);
    expect(await stored()).toHaveLength(1);
  });

  test('holds from the given time on', async () => {
    await as(
      ada,
      `select * from howdah.remember('Will move to Bonn.', valid_from => now() + interval '1 day')`,
    );
    expect(await recall(ada, 'move')).toEqual([]);
  });

  test.each([
    ['content', `select howdah.remember(' ')`, 'HWINV'],
    ['content', `select howdah.remember(null)`, 'HWINV'],
    ['content', `select howdah.remember(repeat('x', 2001))`, 'HWINV'],
    ['content', `select howdah.remember(E'a\\x07b')`, 'HWINV'],
    ['subject_id', `select howdah.remember('a', 'agent')`, 'HWINV'],
    ['subject_id', `select howdah.remember('a', 'tenant', gen_random_uuid())`, 'HWINV'],
    ['subject_id', `select howdah.remember('a', 'agent', gen_random_uuid())`, 'HWNTF'],
    ['id', `select howdah.forget(gen_random_uuid())`, 'HWNTF'],
    ['id', `select howdah.correct_memory(gen_random_uuid(), 'a')`, 'HWNTF'],
    ['query', `select howdah.recall(' ')`, 'HWINV'],
    ['k', `select howdah.recall('a', 0)`, 'HWINV'],
    ['k', `select howdah.recall('a', null)`, 'HWINV'],
    ['scope', `select howdah.recall('a', 1, null, gen_random_uuid())`, 'HWINV'],
  ])('with a wrong %s is refused: %s', async (field, text, code) => {
    expect(await refusal(as(ada, text))).toMatchObject({ code, fields: { field } });
    expect(await stored()).toEqual([]);
  });

  test('is refused beyond 10,000 of a subject', async () => {
    await db.pool.query(
      `insert into howdah.memories (tenant_id, subject_id, created_by, content)
       select $1, $2, 'x', 'note ' || n from generate_series(1, 10000) as n`,
      [tenant, ada.id],
    );
    expect(await refusal(remember(ada, 'one more'))).toMatchObject({ code: 'HWQTA' });
    expect((await remember(ada, 'note 7')).content).toBe('note 7');
    await remember(ben, 'one more');
  }, 60_000);
});

describe('a correction', () => {
  test('ends the earlier memory in one transaction, and keeps it as history', async () => {
    const old = await remember(ada, 'Lives in Paris.');
    const fresh = await correct(ada, old.id, 'Lives in Rome.');
    expect(fresh).toMatchObject({ content: 'Lives in Rome.', superseded_by: null, kind: 'fact' });
    expect(await stored()).toMatchObject([
      { id: old.id, superseded_by: fresh.id, valid_to: expect.any(Date) },
      { id: fresh.id, valid_to: null },
    ]);
    expect(await recall(ada, 'where does she live? Paris?')).toEqual(['Lives in Rome.']);
    const terms = await all(
      db.pool,
      'select term from howdah_private.memory_terms where memory_id = $1',
      [old.id],
    );
    expect(terms).toEqual([]);
  });

  test('of a corrected memory is refused, and names the one that holds', async () => {
    const old = await remember(ada, 'Lives in Paris.');
    const fresh = await correct(ada, old.id, 'Lives in Rome.');
    expect(await refusal(correct(ada, old.id, 'Lives in Oslo.'))).toMatchObject({
      code: 'HWCNF',
      fields: { superseded_by: fresh.id },
    });
  });

  test('with the same content changes nothing, with that of another memory joins both', async () => {
    const a = await remember(ada, 'Likes tea.');
    const b = await remember(ada, 'Likes green tea.');
    expect((await correct(ada, a.id, 'Likes  tea.')).id).toBe(a.id);
    expect((await correct(ada, a.id, 'Likes green tea.')).id).toBe(b.id);
    expect(await recall(ada, 'tea')).toEqual(['Likes green tea.']);
    expect((await correct(ada, b.id, 'Likes tea.')).content).toBe('Likes tea.');
    expect(await recall(ada, 'tea')).toEqual(['Likes tea.']);
  });

  test('is never undone: 1,000 corrected memories are never recalled', async () => {
    await rolledBack(db.pool, async (client) => {
      await actAs(client, ada);
      let wrong = 0;
      for (let n = 0; n < 1000; n += 1) {
        const { rows } = await client.query<{ id: string }>('select id from howdah.remember($1)', [
          `The lucky number is ${n}, says oracle${n % 7}.`,
        ]);
        await client.query('select howdah.correct_memory($1, $2)', [
          rows[0]?.id,
          `The lucky number is minus ${n}.`,
        ]);
        const found = await client.query<Row>('select * from howdah.recall($1, 1000)', [
          `lucky number ${n} oracle${n % 7}`,
        ]);
        if (!found.rows.some(({ content }) => content.endsWith(` minus ${n}.`))) wrong += 1;
        wrong += found.rows.filter(({ content }) => content.includes('oracle')).length;
      }
      expect(wrong).toBe(0);
    });
  }, 120_000);
});

describe('forgetting', () => {
  test('deletes the memory, what it corrected, and the words of all', async () => {
    const first = await remember(ada, 'Lives in Paris.');
    const second = await correct(ada, first.id, 'Lives in Rome.');
    const third = await correct(ada, second.id, 'Lives in Oslo.');
    await remember(ada, 'Has a cat.');
    await forget(ada, third.id);
    expect(await stored()).toMatchObject([{ content: 'Has a cat.' }]);
    const terms = await all(db.pool, 'select distinct term from howdah_private.memory_terms');
    expect(terms).toEqual([{ term: 'cat' }]);
  });

  test('is in the audit log, without the text', async () => {
    const row = await remember(ada, 'Lives in Paris.');
    const fresh = await correct(ada, row.id, 'Lives in Rome.');
    await forget(ada, fresh.id);
    const log = await all(
      db.pool,
      `select action, actor, object_id from howdah.audit_log
       where object = 'memories' and object_id in ($1, $2) order by seq`,
      [row.id, fresh.id],
    );
    expect(log).toEqual([
      { action: 'correct', actor: ada.username, object_id: row.id },
      { action: 'forget', actor: ada.username, object_id: fresh.id },
    ]);
    const texts = await all(
      db.pool,
      `select from howdah.audit_log as l where to_jsonb(l)::text ~ 'Paris|Rome'`,
    );
    expect(texts).toEqual([]);
  });
});

describe('recall', () => {
  test('counts rare words more, and returns the newest of equal ones first', async () => {
    await remember(ada, 'The red bus stops here.');
    await remember(ada, 'The red house is sold.');
    await remember(ada, 'The zebra is red.');
    expect(await recall(ada, 'red zebra', 2)).toEqual([
      'The zebra is red.',
      'The red house is sold.',
    ]);
    const [best] = await as<{ score: number }>(ada, `select * from howdah.recall('zebra')`);
    expect(best?.score).toBeCloseTo(Math.log(1 + (3 - 1 + 0.5) / 1.5), 10);
  });

  test('returns a content of several scopes once, with the best trust', async () => {
    await as(ada, `select howdah.remember('Ships on Monday.', 'tenant', trust => 'external')`);
    const own = await remember(ada, 'Ships on Monday.');
    const found = await as(ada, `select * from howdah.recall('monday')`);
    expect(found).toMatchObject([{ id: own.id, trust: 'user' }]);
  });
});

describe('who may', () => {
  let agent: string;
  let session: string;
  beforeEach(async () => {
    agent = await makeAgent(db.pool, { tenant_id: tenant });
    session = await makeSession(db.pool, { tenant_id: tenant, agent_id: agent, user_id: ada.id });
  });

  test('read and write memories about a user: the user and admins', async () => {
    const row = await remember(ada, 'Has an allergy.');
    for (const user of [ben, viewer, stranger]) {
      const seen = await as(user, 'select * from howdah.memories');
      expect(seen).toEqual([]);
      expect(await recall(user, 'allergy')).toEqual([]);
      expect(await refusal(recall(user, 'allergy', 1, 'user', ada.id))).toMatchObject({
        code: user === stranger ? 'HWNTF' : 'HWDEN',
      });
      expect(await refusal(forget(user, row.id))).toMatchObject({ code: 'HWNTF' });
      expect(await refusal(correct(user, row.id, 'x'))).toMatchObject({ code: 'HWNTF' });
      expect(await refusal(remember(user, 'x', 'user', ada.id))).toMatchObject({
        code: user === stranger ? 'HWNTF' : 'HWDEN',
      });
    }
    expect(await recall(admin, 'allergy', 1, 'user', ada.id)).toEqual(['Has an allergy.']);
    await remember(admin, 'Is on leave.', 'user', ada.id);
    expect(await recall(ada, 'leave')).toEqual(['Is on leave.']);
    await forget(admin, row.id);
    expect(await recall(ada, 'allergy')).toEqual([]);
  });

  test('write about the tenant, an agent and a session', async () => {
    await remember(ada, 'We ship on Monday.', 'tenant');
    await remember(ada, 'Refunds take a week.', 'agent', agent);
    await remember(ada, 'The order is 4711.', 'session', session);
    expect(await recall(viewer, 'monday')).toEqual(['We ship on Monday.']);
    expect(await recall(ben, 'refunds', 1, 'agent', agent)).toEqual(['Refunds take a week.']);
    expect(await recall(ben, 'order', 1, 'session', session)).toEqual(['The order is 4711.']);
    for (const scope of ['user', 'tenant']) {
      expect(await refusal(remember(viewer, 'x', scope))).toMatchObject({ code: 'HWDEN' });
    }
    expect(await refusal(remember(viewer, 'x', 'agent', agent))).toMatchObject({ code: 'HWDEN' });
    expect(await refusal(remember(ben, 'x', 'session', session))).toMatchObject({
      code: 'HWDEN',
    });
    for (const [scope, subject] of [
      ['agent', agent],
      ['session', session],
    ] as const) {
      expect(await refusal(remember(stranger, 'x', scope, subject))).toMatchObject({
        code: 'HWNTF',
      });
      expect(await refusal(recall(stranger, 'x', 1, scope, subject))).toMatchObject({
        code: 'HWNTF',
      });
    }
    expect(await as(stranger, 'select * from howdah.memories')).toEqual([]);
    expect(await recall(stranger, 'monday refunds order')).toEqual([]);
  });

  test('see memories of a restricted agent: who may see the agent', async () => {
    const about = await remember(admin, 'Keeps secrets.', 'agent', agent);
    const said = await remember(admin, 'Was asked twice.', 'session', session);
    await db.pool.query(
      `insert into howdah.grants (tenant_id, agent_id, user_id, permission)
       values ($1, $2, $3, 'edit')`,
      [tenant, agent, ada.id],
    );
    expect(await as(ada, 'select * from howdah.memories')).toHaveLength(2);
    expect(await as(ben, 'select * from howdah.memories')).toEqual([]);
    for (const { id } of [about, said]) {
      expect(await refusal(forget(ben, id))).toMatchObject({ code: 'HWNTF' });
    }
    expect(await refusal(recall(ben, 'secrets', 1, 'agent', agent))).toMatchObject({
      code: 'HWNTF',
    });
  });

  test('write rows by hand: nobody', async () => {
    for (const text of [
      `insert into howdah.memories (subject_id, created_by, content) values ('${ada.id}', 'x', 'x')`,
      'update howdah.memories set content = null',
      'delete from howdah.memories',
      'select * from howdah_private.memory_terms',
    ]) {
      expect(await refusal(as(admin, text))).toMatchObject({ code: '42501' });
    }
  });
});

describe('what people send', () => {
  afterEach(() => db.pool.query('delete from howdah.output_filters'));

  test('is filtered before it is stored', async () => {
    await db.pool.query(
      `insert into howdah.output_filters (tenant_id, name, pattern, action, places)
       values ($1, 'card', '\\m\\d{16}\\M', 'redact', '{input}')`,
      [tenant],
    );
    const row = await remember(ada, 'Pays with 4111111111111111.');
    expect(row.content).toBe('Pays with [card withheld].');
    expect((await correct(ada, row.id, 'Paid with 5500000000000004.')).content).toBe(
      'Paid with [card withheld].',
    );
  });
});

describe('the data of a user', () => {
  test('has memories about the user and by the user, and erasure deletes or renames them', async () => {
    const eve = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
    await remember(eve, 'Lives in Paris.');
    await remember(eve, 'We ship on Monday.', 'tenant');
    await remember(admin, 'Is on leave.', 'user', eve.id);
    await remember(ada, 'Nothing of hers.', 'tenant');
    const exported = await as<{ d: Row }>(
      admin,
      `select d from howdah.export_user_data($1) as d where d ->> 'kind' = 'memory'`,
      [eve.id],
    );
    expect(exported.map(({ d }) => d.content).sort()).toEqual([
      'Is on leave.',
      'Lives in Paris.',
      'We ship on Monday.',
    ]);
    const redacted = await as<{ d: Row }>(
      admin,
      `select d from howdah.export_user_data($1, true) as d where d ->> 'kind' = 'memory'`,
      [eve.id],
    );
    expect(redacted.map(({ d }) => d.content)).toEqual(['[redacted]', '[redacted]', '[redacted]']);
    await as(admin, 'select howdah.erase_user($1)', [eve.id]);
    expect((await stored()).map(({ content, created_by }) => [content, created_by])).toEqual([
      ['We ship on Monday.', `erased-${eve.id}`],
      ['Nothing of hers.', ada.username],
    ]);
  });

  test('ends with the memories of deleted runs, and what others wrote holds again', async () => {
    const eve = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
    const first = await remember(ada, 'We ship on Monday.', 'tenant');
    const byRun = await correct(eve, first.id, 'We ship on Tuesday.');
    const last = await correct(eve, byRun.id, 'We ship on Friday.');
    // as runs of hers had written them, which retention has deleted since
    await db.pool.query(`update howdah.memories set trust = 'internal' where created_by = $1`, [
      eve.username,
    ]);
    await as(admin, 'select howdah.erase_user($1)', [eve.id]);
    expect(await stored()).toMatchObject([
      { id: first.id, content: 'We ship on Monday.', superseded_by: null, valid_to: null },
    ]);
    expect(last.superseded_by).toBeNull();
    const found = await as(ada, `select content from howdah.recall('when do we ship?')`);
    expect(found).toEqual([{ content: 'We ship on Monday.' }]);
  });
});

test('a memory that holds later keeps its time when it is corrected', async () => {
  const [planned] = await as<Row>(
    ada,
    `select * from howdah.remember('We move in 2090.', 'tenant', valid_from => '2090-01-01')`,
  );
  const corrected = await correct(ada, planned?.id ?? '', 'We move to Rome in 2090.');
  expect(corrected.valid_from).toEqual(planned?.valid_from);
  const [ended] = await all<Row>(db.pool, 'select * from howdah.memories where id = $1', [
    planned?.id,
  ]);
  expect(ended?.valid_to).toEqual(planned?.valid_from);
});

describe('erasure of runs', () => {
  test('keeps what runs learned, and deletes the memories of erased sessions', async () => {
    await makeWorker(db.pool);
    const agent = await makeAgent(db.pool, { tenant_id: tenant });
    const session = await makeSession(db.pool, { tenant_id: tenant, agent_id: agent });
    await remember(admin, 'The order is 4711.', 'session', session);
    const learned = await remember(admin, 'Refunds take a week.', 'agent', agent);
    const run = randomUUID();
    await db.pool.query(
      'update howdah.memories set source_execution_id = $2, source_seq = 3 where id = $1',
      [learned.id, run],
    );
    await one(db.pool, 'select howdah_private.erase_sessions(array[$1::uuid], false)', [session]);
    expect(await stored()).toMatchObject([{ id: learned.id, source_execution_id: run }]);
    await db.pool.query('delete from howdah.sessions where id = $1', [session]);
  });
});
