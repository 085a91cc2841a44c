import { once } from 'node:events';
import { request } from 'node:http';
import type { Socket as Wire } from 'node:net';
import {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  expect,
  onTestFinished,
  test,
  vi,
} from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeRun, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { follow, followSteps, openSocket, type Socket, startTestApi, until } from '../harness.ts';
import { makePerson, now, type Person, tokenFor, tokenOptions } from './tokens.ts';

const ME = '{ users { nodes { username } } }';
const db = testDatabase();
let api: ApiServer;
let ada: Person;
let sockets: Socket[];

beforeAll(async () => {
  api = await startTestApi(db.url, { ...tokenOptions, bounds: { operations: 3 } });
  ada = await makePerson(db.pool, 'ada');
});

afterAll(async () => {
  await api?.close();
});

beforeEach(() => {
  sockets = [];
});

afterEach(async () => {
  await Promise.all(sockets.map(({ client }) => client.dispose()));
});

function open(params: object = {}, headers: Record<string, string> = {}, to = api): Socket {
  const socket = openSocket(to, headers, { ...params });
  sockets.push(socket);
  return socket;
}

describe('connection_init carries the token', () => {
  test.each(['authorization', 'Authorization'])('as %s', async (name) => {
    const followed = follow(open({ [name]: `Bearer ${await tokenFor(ada)}` }), ME, {});
    expect(await followed.end).toBe('completed');
    expect(followed.items).toEqual([{ nodes: [{ username: 'ada' }] }]);
  });

  test('the handshake may carry the token in a header instead', async () => {
    const socket = open({}, { authorization: `Bearer ${await tokenFor(ada)}` });
    expect(await follow(socket, ME, {}).end).toBe('completed');
  });

  test.each<[string, () => object | Promise<object>]>([
    ['missing', () => ({})],
    ['not a string', () => ({ authorization: { token: 1 } })],
    ['malformed', () => ({ authorization: 'Bearer a.b.c' })],
    ['10 kB long', () => ({ authorization: `Bearer ${'x'.repeat(10_000)}` })],
    [
      'expired a second ago',
      async () => ({
        authorization: `Bearer ${await tokenFor(ada, { exp: now() - 1 })}`,
      }),
    ],
  ])('an invalid token closes the socket with 4401: %s', async (_what, params) => {
    const socket = open(await params());
    const followed = follow(socket, ME, {});
    expect(await socket.closed).toBe(4401);
    expect(await followed.end).toBe('cut');
    expect(followed.items).toEqual([]);
  });

  test('an invalid token in the payload overrides a valid header', async () => {
    const header = { authorization: `Bearer ${await tokenFor(ada)}` };
    const socket = open({ authorization: 'Bearer a.b.c' }, header);
    follow(socket, ME, {});
    expect(await socket.closed).toBe(4401);
  });

  test('a connection without a token gets no message before it closes with 4401', async () => {
    const socket = new WebSocket(
      `${api.url.replace('http', 'ws')}/graphql`,
      'graphql-transport-ws',
    );
    const closed = new Promise((resolve) => socket.on('close', resolve));
    socket.on('open', () => {
      for (const type of ['connection_init', 'subscribe']) {
        socket.send(JSON.stringify({ type, id: '1', payload: { query: ME } }));
      }
    });
    const messages: string[] = [];
    socket.on('message', (message) => messages.push(String(message)));
    expect(await closed).toBe(4401);
    expect(messages).toEqual([]);
  });
});

/** Returns one row per followed run. */
const watchers = () => db.pool.query('select from howdah_private.watchers');

describe('a socket closes', () => {
  const openFor = async (person: Person, exp?: number) =>
    openSocket(api, {}, { authorization: `Bearer ${await tokenFor(person, { exp })}` });

  test('with 4403 when its token expires, and ends its subscriptions', async () => {
    const exp = now() + 3_600;
    const lasting = await openFor(ada, now() + 100 * 365 * 86_400);
    followSteps(lasting, await makeRun(db.pool));
    const socket = await openFor(ada, exp);
    const followed = followSteps(socket, await makeRun(db.pool));
    await until(async () => (await watchers()).rowCount === 2); // both connections are admitted
    vi.useFakeTimers({ toFake: ['Date'], now: exp * 1000 });
    onTestFinished(() => void vi.useRealTimers());
    expect(await socket.closed).toBe(4403);
    expect(await followed.end).toBe('cut');
    expect(lasting.socket().readyState).toBe(WebSocket.OPEN);
    await lasting.client.dispose();
  });

  test('with 4401 when its user is deleted', async () => {
    const eve = await makePerson(db.pool, 'eve');
    const [hers, other] = [await openFor(eve, now() + 60), await openFor(ada, now() + 60)];
    for (const socket of [hers, other]) followSteps(socket, await makeRun(db.pool));
    await until(() => hers.socket().readyState === WebSocket.OPEN);
    await db.pool.query('delete from howdah.users where id = $1', [eve.user_id]);
    expect(await hers.closed).toBe(4401);
    expect(other.socket().readyState).toBe(WebSocket.OPEN);
    await other.client.dispose();
  });
});

/**
 * Opens a client of either endpoint that never answers a close frame, and whose messages still
 * reach the server.
 */
async function openWithoutCloseReply(path: string, protocol: string | undefined) {
  const upgrade = request(`${api.url}${path}`, {
    headers: {
      ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
      'sec-websocket-key': Buffer.alloc(16, 1).toString('base64'),
      ...(protocol && { 'sec-websocket-protocol': protocol }),
    },
  });
  upgrade.end();
  const [, wire] = (await once(upgrade, 'upgrade')) as [unknown, Wire];
  let heard = '';
  wire.setEncoding('latin1').on('data', (part: string) => {
    heard += part;
  });
  wire.on('error', () => {});
  return {
    heard: () => heard,
    ended: new Promise((resolve) => wire.once('close', resolve)),
    send(message: object) {
      if (wire.destroyed) return;
      const text = Buffer.from(JSON.stringify(message));
      const head = [0x81, 0x80 | 126, text.length >> 8, text.length & 255]; // masked with zeros
      wire.write(Buffer.concat([Buffer.from([...head, 0, 0, 0, 0]), text]));
    },
  };
}

const SENT = {
  '/graphql': {
    opens: (authorization: string) => ({ type: 'connection_init', payload: { authorization } }),
    does: (name: string) => {
      const query = `mutation { createPrompt(input: { prompt: { name: "${name}", template: "x" } }) { clientMutationId } }`;
      return { type: 'subscribe', id: name, payload: { query } };
    },
    done: 'select from howdah.prompts where name = $1',
  },
  '/ws': {
    opens: (authorization: string) => ({ type: 'connection_init', authorization }),
    does: (name: string) => ({ type: 'execute', id: name, agent: 'development', message: name }),
    done: 'select from howdah.executions where input = $1',
  },
};

// concurrent, because the server waits seconds for the close frame before it cuts the connection
test.concurrent.each(['/graphql', '/ws'] as const)(
  'a client that keeps a closed %s socket open can do nothing more on it',
  async (path) => {
    const { opens, does, done } = SENT[path];
    const count = async (name: string) => (await db.pool.query(done, [name])).rowCount;
    const { id, key } = await one(
      db.pool,
      `select id, key from howdah.create_api_key('deaf' || $1)`,
      [path],
    );
    const deaf = await openWithoutCloseReply(
      path,
      path === '/graphql' ? 'graphql-transport-ws' : undefined,
    );
    deaf.send(opens(`Bearer ${key}`));
    await until(() => deaf.heard().includes('connection_ack'));
    deaf.send(does('before'));
    await until(async () => (await count('before')) === 1);
    await db.pool.query('select howdah.revoke_api_key($1)', [id]);
    await until(() => deaf.heard().includes('The API key was revoked.')); // the reason of the close
    deaf.send(does('after'));
    await deaf.ended;
    expect(await count('after')).toBe(0);
  },
);

test('closed sockets leave no watcher behind', async () => {
  await expect.poll(async () => (await watchers()).rowCount).toBe(0);
});

describe('limits', () => {
  test('the operations on one socket', async () => {
    const socket = open({ authorization: `Bearer ${await tokenFor(ada)}` });
    const id = await makeRun(db.pool);
    const followed = Array.from({ length: 3 }, () => followSteps(socket, id));
    const [first] = followed;
    await until(() => socket.socket().readyState === WebSocket.OPEN);
    const more = followSteps(socket, id);
    await more.end;
    expect(more.errors).toMatchObject([
      {
        message: 'a connection may have at most 3 operations at once',
        extensions: { code: 'HWQTA', hint: expect.any(String) },
      },
    ]);
    first?.stop();
    expect(await follow(socket, ME, {}).end).toBe('completed');
  });

  test('the sockets of the server', async () => {
    const small = await startTestApi(db.url, { bounds: { sockets: 2 } });
    const two = [open({}, {}, small), open({}, {}, small)];
    for (const socket of two) expect(await follow(socket, ME, {}).end).toBe('completed');
    for (const socket of two) followSteps(socket, await makeRun(db.pool));
    // sockets count once they are admitted; until then, another socket may open
    let answer: { status: number | undefined; retry: string | undefined } | undefined;
    await until(async () => {
      const third = new WebSocket(
        `${small.url.replace('http', 'ws')}/graphql`,
        'graphql-transport-ws',
      );
      answer = await new Promise((resolve) => {
        third.on('open', () => resolve(undefined));
        third.on('unexpected-response', (_request, { statusCode, headers }) =>
          resolve({ status: statusCode, retry: headers['retry-after'] }),
        );
      });
      third.on('error', () => {}).terminate();
      return answer !== undefined;
    });
    expect(answer).toEqual({ status: 503, retry: '5' });
    await two[0]?.client.dispose();
    await until(async () => (await follow(open({}, {}, small), ME, {}).end) === 'completed');
    await small.close();
  });
});
