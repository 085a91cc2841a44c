import { EventEmitter, once } from 'node:events';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';

// Code in src/db replaces methods of pg, and uses properties that are missing in the types of pg. A
// new version of pg may change both without an error. These tests then name the code to check.

const database = testDatabase();
let pool: pg.Pool;

beforeAll(() => {
  pool = new pg.Pool({ connectionString: database.url, max: 1 });
});
afterAll(async () => {
  await pool.end();
});

/** Returns the names of the public methods of a class, without those of every emitter. */
function publicMethods({ prototype }: { prototype: object }): string[] {
  const names = new Set<string>();
  for (let at = prototype; at !== EventEmitter.prototype; at = Object.getPrototypeOf(at)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at))) {
      if (typeof value === 'function' && !name.startsWith('_')) names.add(name);
    }
  }
  names.delete('constructor');
  return [...names].sort();
}

test('a pool reaches the database by `query` and `connect` alone, which are replaced', () => {
  expect(
    publicMethods(pg.Pool),
    'pg.Pool has other methods: keepConnectionsOnRejection and adaptToPooler (src/db/connection/pool.ts), tenantPool and adaptPoolForGraphile replace only query and connect',
  ).toEqual(['connect', 'end', 'newClient', 'query']);
});

test('a connection sends statements by `query` alone, which is replaced', () => {
  const others = publicMethods(pg.Client).filter(
    (name) => !/^(end|connect|cancel|ref|unref|escape\w+|\w+TypeParser|getS\w+Conf)$/.test(name),
  );
  expect(
    others,
    'pg.Client has other methods: useTransactionPooling, ReadBudget and migrate.ts replace only query',
  ).toEqual(['getTransactionStatus', 'query']);
});

test('each checkout gives a connection its own `release`', async () => {
  const first = await pool.connect();
  const replaced = first.release;
  expect(Object.hasOwn(first, 'release'), 'tenantPool replaces release of the instance').toBe(true);
  first.release();
  const second = await pool.connect();
  const isSame = first === second;
  const isFresh = second.release !== replaced;
  second.release();
  expect({ isSame, isFresh }, 'tenantPool would wrap one release again and again').toEqual({
    isSame: true,
    isFresh: true,
  });
});

test('a connection has the properties with which a statement is cancelled', async () => {
  const client = await pool.connect();
  const { host, port, ssl, processID, secretKey, connection } = client as unknown as Record<
    string,
    unknown
  > & { connection: { stream: EventEmitter & { destroy: unknown } } };
  const { stream } = connection;
  client.release();
  expect(
    [host, port, ssl, processID, secretKey].map((value) => typeof value),
    'cancelStatement reads host, port, ssl, processID and secretKey of a client',
  ).toEqual(['string', 'number', 'boolean', 'number', 'number']);
  expect(
    [stream.destroy, stream.prependListener, stream.removeListener].map((value) => typeof value),
    'breakConnection and ReadBudget use the stream of a connection',
  ).toEqual(['function', 'function', 'function']);
});

test('pg exports the connection that carries a cancel request', () => {
  const { prototype } = (pg as unknown as { Connection: { prototype: Record<string, unknown> } })
    .Connection;
  expect(
    ['connect', 'requestSsl', 'cancel', 'on'].filter(
      (name) => typeof prototype[name] !== 'function',
    ),
    'cancelStatement (src/db/connection/cancel-statement.ts) calls these methods',
  ).toEqual([]);
});

test('a refused statement has the severity ERROR', async () => {
  const error = await pool.query('select 1 / 0').catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(pg.DatabaseError);
  expect((error as pg.DatabaseError).severity, 'keepConnectionsOnRejection reads it').toBe('ERROR');
});

test('a notification is emitted by `emit` of the client', async () => {
  const client = await pool.connect();
  const emitted: unknown[] = [];
  const emit = client.emit.bind(client);
  Object.assign(client, {
    emit: (event: string, ...values: unknown[]) => {
      emitted.push(event);
      return (emit as (...all: unknown[]) => boolean)(event, ...values);
    },
  });
  await client.query('listen internals; notify internals');
  await expect
    .poll(() => emitted, { message: 'filterClient (workers/queue) replaces emit' })
    .toContain('notification');
  client.release(true);
});

test('`drain` is emitted when the statement was answered, even by an error', async () => {
  const client = await pool.connect();
  for (const sql of ['listen internals', 'listen']) {
    const drained = once(client, 'drain', { signal: AbortSignal.timeout(10_000) });
    await client.query(sql).catch(() => {});
    await expect(drained, 'filterNotifications (workers/queue) waits for it').resolves.toEqual([]);
  }
  client.release(true);
});
