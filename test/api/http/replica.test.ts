import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { ReplicaRouter } from '../../../src/api/replica/read-your-writes.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { connect } from '../../../src/client/connect.ts';
import { createPool, inTransaction, type Pool } from '../../../src/db/connection/pool.ts';
import {
  type Replica,
  type ReplicaTrouble,
  watchReplica,
} from '../../../src/db/connection/replica.ts';
import { migrateUp } from '../../../src/db/schema/migrate.ts';
import { createMetrics, type Metrics } from '../../../src/telemetry/metrics.ts';
import type { Check } from '../../../src/telemetry/readiness.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { makeRun, makeTenant } from '../../sql/support.ts';
import { type Standby, startStandby } from '../../support/database/standby.ts';
import { createEmptyDatabase, eventually } from '../../support/database.ts';
import { startInFolder } from '../../support/server.ts';
import {
  type Answer,
  ask,
  driveRun,
  followSteps,
  openSocket,
  startTestApi,
  until,
} from '../harness.ts';
import { makePerson, type Person, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

let server: Awaited<ReturnType<typeof startInFolder>>;
let standby: Standby;
let pool: Pool;
/** Two API processes that use one replica. */
let api: ApiServer;
let other: ApiServer;
let metrics: Metrics;
let writer: Person;
let token: string;
/** Token of another user of the same tenant. */
let colleague: string;

beforeAll(async () => {
  server = await startInFolder();
  await migrateUp(server.url, migrateQueue);
  pool = createPool({ url: server.url, applicationName: 'test' });
  standby = await startStandby(server.url, { max_standby_streaming_delay: '0' });
  const noFigures = { figures: async () => [], prices: async () => new Map() };
  metrics = createMetrics(noFigures);
  api = await startTestApi(server.url, { ...tokenOptions, replicaUrl: standby.url, metrics });
  other = await startTestApi(server.url, { ...tokenOptions, replicaUrl: standby.url });
  writer = await makePerson(pool, 'writer');
  token = await tokenFor(writer, { role: 'admin' });
  colleague = await tokenFor(await makePerson(pool, 'colleague'), { role: 'admin' });
  await until(() => isRead(api));
  await until(() => isRead(other));
});
afterAll(async () => {
  await api?.close();
  await other?.close();
  await pool?.end();
  await standby?.remove();
  await server?.stop();
});
afterEach(async () => {
  await standby.ask('select pg_wal_replay_resume() where pg_is_in_recovery()').catch(() => {});
});

/** Returns whether the replica is in use. */
async function isRead({ url }: ApiServer): Promise<boolean> {
  const { status, reason } = await readiness(url);
  expect(status).toBe('ready');
  return reason === undefined;
}

async function readiness(url: string): Promise<{ status: string; reason: string | undefined }> {
  const response = await fetch(`${url}/readyz`);
  expect(response.status).toBe(200);
  const { status, checks } = (await response.json()) as { status: string; checks: Check[] };
  return { status, reason: checks.find(({ name }) => name === 'replica')?.reason };
}

/** Waits until the replica is current, and pauses its replay. */
async function delayReplay(): Promise<void> {
  const { rows } = await pool.query('select pg_current_wal_lsn()::text as lsn');
  const isThere = `select pg_last_wal_replay_lsn() >= '${rows[0].lsn}'::pg_lsn as done`;
  await until(async () => (await standby.ask(isThere))[0]?.done === true);
  await standby.ask('select pg_wal_replay_pause()');
  const isPaused = `select pg_get_wal_replay_pause_state() = 'paused' as done`;
  await until(async () => (await standby.ask(isPaused))[0]?.done === true);
}

const create = (name: string) =>
  `mutation { createPrompt(input: { prompt: { name: "${name}", template: "x" } }) { prompt { name } } }`;

async function graphql(at: ApiServer, query: string, bearer: string, position?: string | null) {
  const response = await fetch(`${at.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${bearer}`,
      ...(position && { 'x-howdah-lsn': position }),
    },
    body: JSON.stringify({ query }),
  });
  const { data, errors = [] } = (await response.json()) as Answer;
  return { status: response.status, data, errors, position: response.headers.get('x-howdah-lsn') };
}

async function namesBy(at: ApiServer, bearer: string, position?: string | null): Promise<string[]> {
  const query = '{ prompts(first: 500) { nodes { name } } }';
  const { data, errors } = await graphql(at, query, bearer, position);
  expect(errors).toEqual([]);
  return data.prompts.nodes.map(({ name }: { name: string }) => name);
}

async function listedBy(
  at: ApiServer,
  bearer: string,
  position?: string | null,
): Promise<string[]> {
  const response = await fetch(`${at.url}/api/prompts?limit=100`, {
    headers: { authorization: `Bearer ${bearer}`, ...(position && { 'x-howdah-lsn': position }) },
  });
  expect(response.status).toBe(200);
  return ((await response.json()) as Answer).data.map(({ name }: { name: string }) => name);
}

/** Returns the number of reads by server and reason. */
async function reads(): Promise<Record<string, number>> {
  const found = (await metrics.text()).matchAll(
    /^howdah_reads_total\{server="(\w+)",reason="(\w+)"\} (\d+)$/gm,
  );
  return Object.fromEntries(
    [...found].map(([, by, why, count]) => [`${by} ${why}`, Number(count)]),
  );
}

describe('a read', () => {
  test('comes from the replica over GraphQL and REST lists', async () => {
    await delayReplay();
    await pool.query(`insert into howdah.prompts (name, template) values ('not there yet', 'x')`);
    expect(await namesBy(api, colleague)).not.toContain('not there yet');
    expect(await listedBy(api, colleague)).not.toContain('not there yet');
    expect((await reads())['replica current']).toBeGreaterThanOrEqual(2);
    await standby.ask('select pg_wal_replay_resume()');
    await until(async () => (await namesBy(api, colleague)).includes('not there yet'));
  });

  test('returns the rows a user has just written, although the replica lacks them', async () => {
    await delayReplay();
    const { position } = await graphql(api, create('mine'), token);
    expect(position).toMatch(/^[0-9A-F]+\/[0-9A-F]+$/);
    expect(await namesBy(api, token)).toContain('mine');
    expect(await listedBy(api, token)).toContain('mine');
    expect(await namesBy(api, colleague)).not.toContain('mine');
    expect((await reads())['primary behind']).toBeGreaterThanOrEqual(2);
  });

  test('does so in another process that receives the written position', async () => {
    await delayReplay();
    const response = await fetch(`${api.url}/api/prompts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'by-rest', template: 'x' }),
    });
    expect(response.status).toBe(201);
    const position = response.headers.get('x-howdah-lsn');
    expect(position).not.toBeNull();
    expect(await namesBy(other, token)).not.toContain('by-rest');
    expect(await namesBy(other, token, position)).toContain('by-rest');
    expect(await listedBy(other, token, position)).toContain('by-rest');
  });

  test('does so for clients made with connect(), which send the position themselves', async () => {
    await delayReplay();
    // a load balancer that sends each request to another process
    let turn = 0;
    const spread: typeof fetch = (input, init) => {
      turn += 1;
      const { pathname, search } = new URL(`${input}`);
      return fetch(`${(turn % 2 ? api : other).url}${pathname}${search}`, init);
    };
    const client = connect('http://balancer', { token, fetch: spread });
    await client.call('createPrompt', { body: { name: 'by-client', template: 'x' } });
    const { data } = await client.call('listPrompts', { query: { limit: 100 } });
    expect(data.map(({ name }) => name)).toContain('by-client');
    expect(turn).toBe(2);
  });

  test('waits for a replica that is only slightly behind', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { position } = await graphql(api, create(`round-${round}`), token);
      expect(await namesBy(api, token)).toContain(`round-${round}`);
      expect(await namesBy(other, colleague, position)).toContain(`round-${round}`);
    }
  });

  test('returns everything that a subscription has delivered', async () => {
    const { rows } = await pool.query(`select howdah.agent('development') as agent_id`);
    const id = await makeRun(pool, { ...rows[0], user_id: writer.user_id });
    const run = await driveRun(pool, id);
    await delayReplay();
    const socket = openSocket(other, { authorization: `Bearer ${token}` });
    try {
      const followed = followSteps(socket, id);
      await run.steps(2);
      await until(() => followed.items.length === 2);
      const query = `{ execution(id: "${id}") { stepCount } }`;
      expect((await graphql(other, query, token)).data).toEqual({ execution: { stepCount: 2 } });
      expect(followed.errors).toEqual([]);
    } finally {
      await socket.client.dispose();
    }
  });

  test('is limited to one tenant on the replica, too', async () => {
    const tenant_id = await makeTenant(pool);
    const person = await makePerson(pool, 'somebody', tenant_id);
    const theirs = await tokenFor(person, { role: 'owner' });
    await until(
      async () =>
        (await ask(api, '{ agents { totalCount } }', {}, theirs)).data.agents.totalCount > 0,
    );
    const { data } = await ask(api, '{ agents { nodes { tenantId } } }', {}, theirs);
    expect(new Set(data.agents.nodes.map((row: { tenantId: string }) => row.tenantId))).toEqual(
      new Set([tenant_id]),
    );
    expect(await namesBy(api, theirs)).toEqual([]);
  });

  test('with an invalid position is rejected by GraphQL and REST', async () => {
    const refused = await graphql(api, '{ agents { totalCount } }', token, 'yesterday');
    expect(refused).toMatchObject({
      status: 400,
      errors: [
        { message: 'X-Howdah-LSN is not a valid log position', extensions: { code: 'HWINV' } },
      ],
    });
    const response = await fetch(`${api.url}/api/prompts`, {
      headers: { authorization: `Bearer ${token}`, 'x-howdah-lsn': 'yesterday' },
    });
    expect({ status: response.status, body: await response.json() }).toMatchObject({
      status: 400,
      body: { detail: 'X-Howdah-LSN is not a valid log position', field: 'X-Howdah-LSN' },
    });
  });

  test('with a position in the future comes from the primary', async () => {
    const names = await namesBy(other, colleague, 'FFFFFFFF/FFFFFFFF');
    expect(names).toEqual(await namesBy(api, token));
  });

  test('with a position in the future does not delay other reads', async () => {
    const waitedFor: bigint[] = [];
    const replica = {
      pool,
      hasReached: () => false,
      async reaches(position: bigint) {
        waitedFor.push(position);
        return true;
      },
    } as unknown as Replica;
    const reads = new ReplicaRouter({ replica, primary: pool, metrics: undefined });
    const reader = { tenantId: 'any', userId: undefined };
    expect((await reads.choose(reader, 0xffffffffffffffffn)).isReplica).toBe(false);
    expect(waitedFor).toEqual([]);
    expect((await reads.choose(reader, 1n)).isReplica).toBe(true);
    expect(waitedFor).toEqual([1n]);
  });
});

describe('a query cancelled by the replica', () => {
  let replica: Replica;
  let routed: ReplicaRouter;
  const reader = { tenantId: 'any', userId: undefined };

  beforeAll(async () => {
    const changes: (ReplicaTrouble | undefined)[] = [];
    replica = watchReplica({
      ...{ url: standby.url, primary: pool, connections: 2, settings: {}, answerWithinMs: 300_000 },
      onChange: (trouble) => changes.push(trouble),
    });
    routed = new ReplicaRouter({ replica, primary: pool, metrics: undefined });
    await until(() => changes.at(-1) === undefined && changes.length > 0);
  });
  afterAll(() => replica?.close());

  /** Reads until the server cancels the query. */
  const readSlowly = (seen: unknown[]) =>
    routed.read(
      reader,
      0n,
      async () => {
        try {
          await inTransaction(routed.connections.as(reader), async (client) => {
            await client.query('select pg_sleep(600) from public.busy');
          });
          return 'replica';
        } catch (error) {
          seen.push((error as { code?: string }).code);
          throw error;
        }
      },
      async () => 'primary',
    );
  const isSleeping = async () =>
    (await standby.ask(`select 1 from pg_stat_activity where query like 'select pg_sleep(600)%'`))
      .length > 0;

  test('because of replay is retried once on the primary', async () => {
    await pool.query('create table public.busy as select 1 as x');
    await pool.query('grant select on public.busy to public');
    await until(
      async () =>
        (
          await standby.ask(
            `select 1 where has_table_privilege('howdah_authenticator', to_regclass('public.busy'), 'select')`,
          )
        ).length > 0,
    );
    const seen: unknown[] = [];
    const reading = readSlowly(seen);
    await until(isSleeping);
    await pool.query('drop table public.busy');
    expect(await reading).toBe('primary');
    expect(seen).toEqual(['40001']);
  });

  test('because it shuts down is retried, too', async () => {
    await pool.query('create table public.busy as select 1 as x');
    await pool.query('grant select on public.busy to public');
    await until(
      async () =>
        (
          await standby.ask(
            `select 1 where has_table_privilege('howdah_authenticator', to_regclass('public.busy'), 'select')`,
          )
        ).length > 0,
    );
    const seen: unknown[] = [];
    const reading = readSlowly(seen);
    await until(isSleeping);
    await standby.ask(
      `select pg_terminate_backend(pid) from pg_stat_activity where query like 'select pg_sleep(600)%'`,
    );
    expect(await reading).toBe('primary');
    expect(seen).toEqual(['57P01']);
    await pool.query('drop table public.busy');
  });

  test('because it writes is retried, too; an error of the query is reported', async () => {
    const ask = (statement: string) =>
      inTransaction(routed.connections.as(reader), (client) => client.query(statement));
    const write = () => ask('create table public.never (x int)');
    expect(await routed.read<unknown>(reader, 0n, write, async () => 'primary')).toBe('primary');
    const wrong = () => ask('select 1 / 0');
    const never = async () => expect.unreachable('asked twice');
    await expect(routed.read<unknown>(reader, 0n, wrong, never)).rejects.toMatchObject({
      code: '22012',
    });
  });
});

describe('a replica', () => {
  test('that is too far behind is not read until it catches up', async () => {
    const changes: (ReplicaTrouble | undefined)[] = [];
    const replica = watchReplica({
      ...{ url: standby.url, primary: pool, connections: 1, settings: {}, mostLagSeconds: 0.5 },
      onChange: (trouble) => changes.push(trouble),
    });
    try {
      await until(() => changes.length === 1);
      await delayReplay();
      await pool.query(`insert into howdah.prompts (name, template) values ('behind', 'x')`);
      await until(() => changes.length === 2);
      expect(replica.lag).toBeGreaterThan(0.5);
      await standby.ask('select pg_wal_replay_resume()');
      await until(() => changes.length === 3);
      expect(changes).toEqual([undefined, 'lagging', undefined]);
    } finally {
      await replica.close();
    }
  });

  test('of another server is not read', async () => {
    const foreign = await createEmptyDatabase();
    const third = await startTestApi(server.url, { ...tokenOptions, replicaUrl: foreign.url });
    try {
      await until(
        async () =>
          (await readiness(third.url)).reason?.startsWith('The replica belongs to another') ===
          true,
      );
      expect(await namesBy(third, token)).toContain('mine');
    } finally {
      await third.close();
      await foreign.drop();
    }
  });

  test('that is unreachable loses no reads, is reported, and is read again when back', async () => {
    await standby.stop();
    expect(await namesBy(api, token)).toContain('mine');
    await until(async () => !(await isRead(api)));
    expect((await readiness(api.url)).reason).toBe(
      'The replica cannot be reached; reads go to the primary.',
    );
    expect(await namesBy(api, colleague)).toContain('mine');
    expect(await reads()).toMatchObject({ 'primary away': expect.any(Number) });
    expect(await metrics.text()).toMatch(/^howdah_replica_up 0$/m);
    await standby.start();
    await until(() => isRead(api));
    expect(await metrics.text()).toMatch(/^howdah_replica_up 1$/m);
  });

  test('that was promoted is no longer used', async () => {
    await until(() => isRead(other));
    await standby.ask('select pg_promote()');
    await until(async () => !(await isRead(other)));
    expect((await readiness(other.url)).reason).toBe(
      'The replica is no longer a standby; reads go to the primary.',
    );
    const { position } = await graphql(api, create('after'), token);
    expect(await namesBy(other, token, position)).toContain('after');
    await eventually(
      pool,
      'all is written on the primary',
      `select 1 from howdah.prompts where name = 'after'`,
    );
  });
});
