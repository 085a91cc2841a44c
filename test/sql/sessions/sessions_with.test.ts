import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  one,
  refusal,
} from '../support.ts';

const db = testDatabase();
let tenant: string;
let agent: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool);
  tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
});

/** Creates a session with the turns of these messages. */
async function session(title: string | null, ...inputs: string[]): Promise<string> {
  const id = await makeSession(db.pool, { agent_id: agent, title });
  for (const input of inputs) {
    const run = await makeRun(db.pool, { agent_id: agent, session_id: id, input });
    await db.pool.query('select howdah.cancel_execution($1)', [run]);
  }
  return id;
}

const found = (words: string, of = tenant) =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': of }, async (client) =>
    (
      await all(
        client,
        `select id from howdah.sessions where id in (select howdah.sessions_with($1)) order by id desc`,
        [words],
      )
    ).map(({ id }) => id as string),
  );

describe('sessions_with', () => {
  test('finds words in titles and messages, in upper or lower case, newest first', async () => {
    const first = await session('Refund of an order', 'Hello');
    const second = await session(null, 'Please REFUND order A-1001.', 'Thanks');
    await session('Something else', 'Hello');
    expect(await found('refund order')).toEqual([second, first]);
    expect(await found('  ORDER a-1001 ')).toEqual([second]);
    expect(await found('refund thanks')).toEqual([]); // in different turns
    expect(await found('nothing of this')).toEqual([]);
  });

  test('takes signs of patterns for what they are', async () => {
    const id = await session(null, 'It costs 100% of a_b and c\\d.');
    await session(null, 'It costs 1000 of aXb and cd.');
    expect(await found('100%')).toEqual([id]);
    expect(await found('a_b')).toEqual([id]);
    expect(await found('c\\d')).toEqual([id]);
  });

  test('finds answers, and no encrypted text', async () => {
    const id = await session(null, 'What is it?');
    const set = (change: string) =>
      db.pool.query(
        `alter table howdah.executions disable trigger user;
         update howdah.executions set ${change} where session_id = '${id}';
         alter table howdah.executions enable trigger user`,
      );
    await set(`output = 'An okapi.'`);
    expect(await found('okapi')).toEqual([id]);
    await set('contents_encrypted_at = now()');
    expect(await found('okapi')).toEqual([]);
    await set('contents_encrypted_at = null, output = null');
  });

  test('finds only sessions that the caller sees', async () => {
    await session('A tapir', 'Hello');
    expect(await found('tapir')).toHaveLength(1);
    expect(await found('tapir', await makeTenant(db.pool, 'other'))).toEqual([]);
  });

  test.each(['', '  ', null])('refuses %j', async (words) => {
    expect(await refusal(db.pool.query('select howdah.sessions_with($1)', [words]))).toMatchObject({
      code: 'HWINV',
      detail: '{"field": "words"}',
    });
  });
});
