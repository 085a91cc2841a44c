import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, committed, makeAgent, makeRun, makeUser, one, takeRole, unique } from '../support.ts';

// A program starts a run also by a schedule or an inbound hook that it wrote, and by a tool of its
// run. Its feedback on such a run counts nothing.

const db = testDatabase();
type Client = Pick<typeof db.pool, 'query'>;
type Key = { id: string; name: string };
let tenant: string;
let agent: string;

beforeAll(async () => {
  ({ tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant'));
  agent = await makeAgent(db.pool);
  await db.pool.query(`insert into howdah.secrets (name, fingerprint) values ('hook', '')`);
});

async function makeKey(userId: string | null = null): Promise<Key> {
  const name = unique('key');
  const { id } = await one<{ id: string }>(
    db.pool,
    `select (howdah.create_api_key($1, 'admin', user_id => $2)).id`,
    [name, userId],
  );
  return { id, name };
}
/** Acts with an API key, of a user or of none. */
const withKey = <T>(key: Key, work: (client: Client) => Promise<T>, userId = '') =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      ...{ 'howdah.tenant_id': tenant, 'howdah.role': 'admin', 'howdah.api_key_id': key.id },
      ...(userId && { 'howdah.user_id': userId }),
    });
    return work(client);
  });
const asUser = <T>(userId: string, work: (client: Client) => Promise<T>) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.user_id': userId });
    return work(client);
  });
const give = (client: Client, run: string, outcome: string | null = null) =>
  one(client, `select source, is_reward from howdah.give_feedback($1, 1, outcome => $2)`, [
    run,
    outcome,
  ]);
/** Rates a run with a key without a user, with its word and with an outcome. */
const votesOf = (key: Key, run: string) =>
  withKey(key, async (client) => [await give(client, run), await give(client, run, 'paid')]);
const NOTHING = [
  { source: 'program', is_reward: false },
  { source: 'outcome', is_reward: false },
];
const COUNTS = NOTHING.map((vote) => ({ ...vote, is_reward: true }));

async function schedule(client: Client): Promise<string> {
  const { id } = await one<{ id: string }>(
    client,
    `insert into howdah.schedules (name, cron, agent_id, input)
     values ($1, '0 0 1 1 *', $2, 'What is new?') returning id`,
    [unique('schedule'), agent],
  );
  return id;
}
/** Lets a worker fire a schedule, and returns the run. */
async function fire(id: string): Promise<string> {
  await db.pool.query(
    `update howdah.schedules set next_at = now() - interval '1 second' where id = $1`,
    [id],
  );
  await db.pool.query('select howdah_private.fire_schedules()');
  const row = await one(
    db.pool,
    'select last_execution_id as run from howdah.schedules where id = $1',
    [id],
  );
  return row.run;
}

async function hook(client: Client): Promise<string> {
  const { id } = await one<{ id: string }>(
    client,
    `insert into howdah.inbound_hooks (name, verification, secret_name, agent_id)
     values ($1, 'github', 'hook', $2) returning id`,
    [unique('hook'), agent],
  );
  return id;
}
/** Receives a request for a hook, as its user, and returns the run. */
async function deliver(id: string, userId = ''): Promise<string> {
  const delivery = { input: 'x', delivery_id: crypto.randomUUID() };
  return committed(db.pool, async (client) => {
    await client.query(`select set_config('howdah.user_id', $1, true)`, [userId]);
    const { result } = await one(
      client,
      'select howdah_private.receive_delivery($1, $2) as result',
      [id, { ...delivery, signature: crypto.randomUUID().replaceAll('-', '').repeat(2) }],
    );
    return result.execution_id;
  });
}
const authorOf = async (run: string) =>
  (await one(db.pool, 'select created_by from howdah.executions where id = $1', [run])).created_by;

describe.each([
  ['schedule', schedule, fire, 'schedules', 'input'],
  ['inbound hook', hook, deliver, 'inbound_hooks', 'session_key'],
] as const)('a run of a %s', (_, write, start, table, column) => {
  test('is started by the key that wrote it, also once it is deleted', async () => {
    const [key, other] = [await makeKey(), await makeKey()];
    const id = await withKey(key, write);
    const run = await start(id);
    expect(await authorOf(run)).toBe(`API key ${key.name}`);
    expect(await votesOf(key, run)).toEqual(NOTHING);
    expect(await votesOf(other, run)).toEqual(COUNTS);
    await withKey(other, (client) =>
      client.query(`delete from howdah.${table} where id = $1`, [id]),
    );
    expect(await votesOf(key, run)).toEqual(NOTHING);
  });

  test('is started by the key that changed it last, not by one that pauses or renames it', async () => {
    const [first, second, third] = [await makeKey(), await makeKey(), await makeKey()];
    const id = await withKey(first, write);
    await withKey(second, (client) =>
      client.query(`update howdah.${table} set ${column} = 'body.id' where id = $1`, [id]),
    );
    await withKey(third, async (client) => {
      await client.query(`update howdah.${table} set is_active = false where id = $1`, [id]);
      await client.query(`update howdah.${table} set is_active = true, name = $2 where id = $1`, [
        ...[id, unique('renamed')],
      ]);
    });
    await start(id);
    const run = await start(id);
    expect(await votesOf(second, run)).toEqual(NOTHING);
    expect(await votesOf(third, run)).toEqual(COUNTS);
  });

  test('that a person wrote gets no outcome of the key of that person, but the word', async () => {
    const ada = await makeUser(db.pool, { username: unique('ada'), role: 'admin' });
    const key = await makeKey(ada.id);
    const run = await start(await asUser(ada.id, write), ada.id);
    const votes = await withKey(
      key,
      async (client) => [await give(client, run), await give(client, run, 'paid')],
      ada.id,
    );
    expect(votes).toEqual([
      { source: 'person', is_reward: true },
      { source: 'outcome', is_reward: false },
    ]);
  });
});

test.each([
  ['schedule', schedule, fire],
  ['inbound hook', hook, deliver],
] as const)(
  'a run of a %s that a tool wrote acts for the run of the tool',
  async (_, write, start) => {
    const writer = await makeRun(db.pool);
    const id = await committed(db.pool, async (client) => {
      await client.query(`select set_config('howdah.caused_by', $1, true)`, [writer]);
      return write(client);
    });
    const run = await start(id);
    expect(
      await one(db.pool, 'select started_by_execution_id from howdah.executions where id = $1', [
        run,
      ]),
    ).toEqual({ started_by_execution_id: writer });
  },
);

test.each([
  ['debounce_key', `debounce_key = 'body.id', debounce_ms = 1000`],
  ['reply', 'reply = null'],
  ['secret', 'previous_secret_name = secret_name'],
])(
  'a run of an inbound hook whose %s a tool wrote acts for the run of the tool',
  async (_, change) => {
    const writer = await makeRun(db.pool);
    const id = await committed(db.pool, hook);
    await committed(db.pool, async (client) => {
      await client.query(`select set_config('howdah.caused_by', $1, true)`, [writer]);
      await client.query(`update howdah.inbound_hooks set ${change} where id = $1`, [id]);
    });
    const { run } = await one(
      db.pool,
      'select written_by_execution_id as run from howdah.inbound_hooks where id = $1',
      [id],
    );
    expect(run).toBe(writer);
  },
);

test('a key that runs a schedule starts the run, not the one that wrote it', async () => {
  const [key, other] = [await makeKey(), await makeKey()];
  const id = await withKey(key, schedule);
  const { run } = await withKey(other, (client) =>
    one(client, 'select (howdah.run_schedule($1)).id as run', [id]),
  );
  expect(await votesOf(other, run)).toEqual(NOTHING);
  expect(await votesOf(key, run)).toEqual(COUNTS);
});

test('a retry is the same run, and a fork is started by the key that forks', async () => {
  const [key, other] = [await makeKey(), await makeKey()];
  const run = await fire(await withKey(key, schedule));
  await db.pool.query('select howdah.cancel_execution($1)', [run]);
  await withKey(other, (client) => client.query('select howdah.retry_execution($1)', [run]));
  expect(await votesOf(key, run)).toEqual(NOTHING);
  const { fork } = await withKey(key, (client) =>
    one(client, 'select (howdah.fork_execution($1, 0)).id as fork', [run]),
  );
  expect(await votesOf(key, fork)).toEqual(NOTHING);
});

test('a key has started the runs that the tools of its runs start', async () => {
  const [key, other] = [await makeKey(), await makeKey()];
  const first = await withKey(key, (client) => makeRun(client as typeof db.pool));
  const second = await makeRun(db.pool, { started_by_execution_id: first });
  const third = await makeRun(db.pool, { started_by_execution_id: second });
  for (const run of [second, third]) {
    expect(await votesOf(key, run)).toEqual(NOTHING);
    expect(await votesOf(other, run)).toEqual(COUNTS);
  }
});

test('a key that is renamed, even twice, has started what it started before', async () => {
  const [key, other] = [await makeKey(), await makeKey()];
  const id = await withKey(key, schedule);
  const runs = [await withKey(key, (client) => makeRun(client as typeof db.pool)), await fire(id)];
  for (const name of [unique('renamed'), unique('renamed')]) {
    await db.pool.query('update howdah.api_keys set name = $2 where id = $1', [key.id, name]);
  }
  for (const run of [...runs, await fire(id)]) {
    expect(await votesOf(key, run)).toEqual(NOTHING);
    expect(await votesOf(other, run)).toEqual(COUNTS);
  }
});

test('only the engine writes the author', async () => {
  const key = await makeKey();
  const forged = (statement: string) =>
    withKey(key, (client) => client.query(statement)).then(
      () => 'written',
      (error) => error.code,
    );
  expect(await forged(`update howdah.schedules set written_by = 'x'`)).toBe('42501');
  expect(await forged(`update howdah.inbound_hooks set written_by = 'x'`)).toBe('42501');
  expect(
    await forged(
      `insert into howdah.executions (agent_id, input, created_by) values ('${agent}', 'x', 'x')`,
    ),
  ).toBe('42501');
});

test('a change by a worker keeps the author', async () => {
  const key = await makeKey();
  const id = await withKey(key, schedule);
  await fire(id);
  expect(await all(db.pool, 'select written_by from howdah.schedules where id = $1', [id])).toEqual(
    [{ written_by: `API key ${key.name}` }],
  );
});

/** Lets a user write a schedule that goes on with a session, and another one change it. */
async function afterChange(change: string) {
  const writer = await makeUser(db.pool, { role: 'member' });
  const other = await makeUser(db.pool, { role: 'admin' });
  const id = await asUser(writer.id, async (client) => {
    const made = await schedule(client);
    await client.query(
      `with s as (insert into howdah.sessions (agent_id) values ($1) returning id)
       update howdah.schedules set session_id = (select id from s) where id = $2`,
      [agent, made],
    );
    return made;
  });
  await committed(db.pool, async (client) => {
    await client.query(`select set_config('howdah.user_id', $1, true)`, [other.id]);
    await client.query(change, [id]);
  });
  const row = await one(
    db.pool,
    'select session_id, user_id, written_by from howdah.schedules where id = $1',
    [id],
  );
  return { row, writer, other };
}

test('a schedule whose session is deleted keeps its author and its user', async () => {
  const { row, writer } = await afterChange(
    `delete from howdah.sessions as s using howdah.schedules as x
     where x.id = $1 and s.id = x.session_id`,
  );
  expect(row).toEqual({ session_id: null, user_id: writer.id, written_by: writer.username });
});

test('who takes the session from a schedule becomes its author and its user', async () => {
  const { row, other } = await afterChange(
    'update howdah.schedules set session_id = null where id = $1',
  );
  expect(row).toEqual({ session_id: null, user_id: other.id, written_by: other.username });
});
