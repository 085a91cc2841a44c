import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import {
  all,
  committed,
  completed,
  finish,
  makeAgent,
  makeTenant,
  makeUser,
  makeWorker,
  one,
  refusal,
  takeRole,
  type User,
} from '../../support.ts';

// Items that add_to_dataset anonymizes.

const db = testDatabase();
const HISTORY = [
  { role: 'user', content: 'My order is A-7.' },
  { role: 'assistant', content: completed.output },
];
let tenant: string;
let worker: string;
let person: User;

const oneAsMember = <T extends object>(text: string, values: unknown[] = []) =>
  committed(db.pool, async (client) => {
    const user = { 'howdah.tenant_id': tenant, 'howdah.user_id': person.id };
    await takeRole(client, 'howdah_app', user);
    const [row] = await all<T & Record<string, unknown>>(client, text, values);
    if (!row) throw new Error('no row');
    return row;
  });

async function runInSession(session: string, input: string, output = completed.output) {
  const { id } = await oneAsMember<{ id: string }>(
    `insert into howdah.executions (agent_id, session_id, input)
     values (howdah.agent('support'), $1, $2) returning id`,
    [session, input],
  );
  await finish(db.pool, worker, id, { ...completed, output });
  return id;
}

async function newSession() {
  const { id } = await oneAsMember<{ id: string }>(
    `insert into howdah.sessions (agent_id) values (howdah.agent('support')) returning id`,
  );
  return id;
}

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  worker = await makeWorker(db.pool);
  await makeAgent(db.pool, { tenant_id: tenant, name: 'support' });
  person = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
  await oneAsMember(`insert into howdah.datasets (name) values ('private') returning id`);
});

describe('an anonymized item', () => {
  const anonymized = (run: string, expected: unknown = null) =>
    oneAsMember(`select * from howdah.add_to_dataset('private', $1, $2, anonymize => true)`, [
      run,
      expected === null ? null : JSON.stringify(expected),
    ]);

  test('has no name, address or long number of a person in any of its texts', async () => {
    const { username } = await one(db.pool, 'select username from howdah.users where id = $1', [
      person.id,
    ]);
    await db.pool.query(
      `insert into howdah.output_filters (tenant_id, name, pattern) values ($1, 'order', 'A-\\d+')`,
      [tenant],
    );
    const session = await newSession();
    await runInSession(session, `I am ${username} (+49 30 901820). My order is A-7.`);
    const run = await runInSession(
      session,
      'Write to Jane.Doe@example.com, IBAN DE89 3704 0044 0532 0130 00, by 2026-11-30, in 14 days.',
      'Card 4111-1111-1111-1111 from 192.168.0.17.',
    );
    const item = await anonymized(run, { phone: '(030) 901820', name: username, days: 14 });
    expect(item).toMatchObject({
      source_execution_id: run,
      input: 'Write to [email withheld], IBAN [iban withheld], by 2026-11-30, in 14 days.',
      history: [
        {
          role: 'user',
          content: 'I am [user withheld] ([number withheld]). My order is [order withheld].',
        },
        HISTORY[1],
      ],
      expected: { phone: '[number withheld]', name: '[user withheld]', days: 14 },
    });
    expect(await anonymized(run)).toMatchObject({
      expected: 'Card [number withheld] from [ip withheld].',
    });
  });

  test('keeps what belongs to the form of messages, whatever the user is called', async () => {
    const { id } = await one(
      db.pool,
      `insert into howdah.users (tenant_id, username, role) values ($1, 'user', 'member') returning id`,
      [tenant],
    );
    const { id: run } = await one(
      db.pool,
      `insert into howdah.executions (tenant_id, agent_id, user_id, input, history)
       select $1, id, $2, 'I am the user.', $3 from howdah.agents
       where tenant_id = $1 and name = 'support' returning id`,
      [tenant, id, JSON.stringify(HISTORY)],
    );
    await finish(db.pool, worker, run);
    expect(await anonymized(run)).toMatchObject({
      input: 'I am the [user withheld].',
      history: [{ role: 'user', content: 'My order is [order withheld].' }, HISTORY[1]],
    });
  });

  test('has no files, which cannot be searched', async () => {
    const { id } = await oneAsMember<{ id: string }>(
      `insert into howdah.executions (agent_id, input, input_parts)
       values (howdah.agent('support'), 'Who is this?', $1) returning id`,
      [JSON.stringify([{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }])],
    );
    await finish(db.pool, worker, id);
    const error = await refusal(anonymized(id));
    expect(error).toMatchObject({ code: 'HWCNF', message: /files, which cannot be anonymized/ });
  });
});

describe('anonymizing', () => {
  /** Returns the input of the anonymized item of a run of a user with this name. */
  async function anonymizedInput(username: string, input: string) {
    const { id: user } = await one(
      db.pool,
      `insert into howdah.users (tenant_id, username, role) values ($1, $2, 'member')
       on conflict (tenant_id, username) do update set role = excluded.role returning id`,
      [tenant, username],
    );
    const { id } = await one(
      db.pool,
      `insert into howdah.executions (tenant_id, agent_id, user_id, input)
       select $1, id, $2, $3 from howdah.agents where tenant_id = $1 and name = 'support'
       returning id`,
      [tenant, user, input],
    );
    await finish(db.pool, worker, id);
    const add = `select * from howdah.add_to_dataset('private', $1, anonymize => true)`;
    return (await oneAsMember(add, [id])).input;
  }

  test.each([
    ['Tel 0151 / 12 34 56.', 'Tel [number withheld].'],
    ['0151 - 123 456', '[number withheld]'],
    ['Tel.01511234567, tel-0151-1234567', 'Tel.[number withheld], tel-[number withheld]'],
    ['KD-12345678 and ID_12345678', 'KD-[number withheld] and ID_[number withheld]'],
    ['pay 12345678EUR', 'pay [number withheld]EUR'],
    ['0151–1234567', '[number withheld]'],
    ['+49 (30) 901820', '[number withheld]'],
    [
      '2001:0db8:85a3::8a2e:0370:7334 or fe80::1 or 10.0.0.7',
      '[ip withheld] or [ip withheld] or [ip withheld]',
    ],
    ['de89370400440532013000', '[iban withheld]'],
    ['DE89-3704-0044-0532-0130-00', '[iban withheld]'],
    ['GB82 WEST 1234 5698 7654 32', '[iban withheld]'],
    ['max@privat.org and erika@max-family.de', '[email withheld] and [email withheld]'],
    [
      '"max m"@x.de, x@localhost, O\'Brien+x@example.com',
      '[email withheld], [email withheld], [email withheld]',
    ],
  ])('withholds from %s', async (text, expected) => {
    expect(await anonymizedInput('max', text)).toBe(expected);
  });

  test.each([
    'on 2026-03-04, 04.03.2026, 14. 03. 2026, 03/04/2026 and 2026/03/04',
    '2026-03-04 10:00:00.123456+02 and 2026-03-04T10:00:00.123Z',
    'the season 2024/2025, 3.14159265 and 0.12345678',
    'in 14 days, for 129.90, at 10:30:15',
    'use std::vector, or a::b',
  ])('keeps %s', async (text) => {
    expect(await anonymizedInput('max', text)).toBe(text);
  });

  test.each([
    ['Bo S.', 'I am Bo S., hello', 'I am [user withheld], hello'],
    ['[x] Max', 'from [x] Max.', 'from [user withheld].'],
    ['max', 'MAX is not maximal', '[user withheld] is not maximal'],
  ])('withholds the user %s', async (username, text, expected) => {
    expect(await anonymizedInput(username, text)).toBe(expected);
  });
});
