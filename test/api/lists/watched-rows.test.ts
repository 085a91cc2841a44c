import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { connect } from '../../../src/client/connect.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { callTools, makeAgent } from '../../runtime/arrange.ts';
import { makeTenant, openSession, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { follow, openSocket, startTestApi, until } from '../harness.ts';
import { call } from '../rest/call.ts';
import { type OpenStream, openStream, type SseEvent } from '../rest/events.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;
let guarded: ApiServer;
let worker: Worker;

/** Ticket id of the last test; each test uses the next one. */
let tickets = 0;
function nextTicket(): number {
  tickets += 1;
  return tickets;
}

beforeAll(async () => {
  const agent = await makeAgent(db.pool, { script: [{ content: 'On its way.' }] });
  const asking = await makeAgent(db.pool, {
    script: [
      callTools({ name: 'ask_user', arguments: { question: 'Which one?' } }),
      { content: 'The red one.' },
    ],
    tools: ['ask_user'],
  });
  await db.pool.query(`
    create schema shop;
    create table shop.tickets (
      id int primary key, body text, reply text, owner text, note text default 'for staff');
    create table shop.parcels (id int primary key, body text);
    create table shop.cases (id int primary key, body text, reply text);
    grant usage on schema shop to howdah_app;
    grant select (id, body, reply, owner) on shop.tickets to howdah_app;
    grant select on shop.cases to howdah_app;
    alter table shop.tickets enable row level security;
    create policy readers on shop.tickets for select to howdah_app
      using (owner is null or owner = howdah.current_user_id()::text);
    create policy writers on shop.tickets to howdah_writer using (true)`);
  for (const [table, into, answering] of [
    ['shop.tickets', 'reply', agent],
    ['shop.parcels', null, agent],
    ['shop.cases', 'reply', asking],
  ]) {
    await db.pool.query(
      `select howdah.watch_table($1, a.name, input => 'body', into_column => $2)
       from howdah.agents as a where a.id = $3`,
      [table, into, answering],
    );
  }
  api = await startTestApi(db.url, { listPollMs: 20 });
  guarded = await startTestApi(db.url, { ...tokenOptions, listPollMs: 20 });
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(1_000);
  await Promise.all([api?.close(), guarded?.close()]);
});

type Options = { after?: string | undefined; server?: ApiServer; token?: string };

/** Follows a list of watched rows while `work` runs. */
async function whileFollowing(
  query: string,
  work: (list: OpenStream) => Promise<void>,
  { after, server = api, token }: Options = {},
): Promise<void> {
  const list = await openStream(server, `/api/watched-rows/stream?${query}`, {
    ...(after !== undefined && { lastEventId: after }),
    ...(token !== undefined && { token }),
  });
  try {
    expect(list.status).toBe(200);
    await work(list);
  } finally {
    list.close();
  }
}

const isSynced = ({ event }: SseEvent) => event === 'synced';
const isTicket =
  (id: number, writeBack?: string, status?: string) =>
  ({ event, data }: SseEvent) =>
    event === 'watched_row' &&
    data.watched_row.row_key.id === id &&
    (!writeBack || data.watched_row.write_back === writeBack) &&
    (!status || data.watched_row.status === status);
const rowOf = (id: number) => `row=${encodeURIComponent(JSON.stringify({ id }))}`;

async function insertTicket(columns: { owner?: string } = {}): Promise<number> {
  const id = nextTicket();
  await db.pool.query(
    `insert into shop.tickets (id, body, owner) values ($1, 'Where is it?', $2)`,
    [id, columns.owner ?? null],
  );
  return id;
}

/** Inserts a case, whose run asks a question. */
async function insertCase(): Promise<number> {
  const id = nextTicket();
  await db.pool.query(`insert into shop.cases (id, body) values ($1, 'Which?')`, [id]);
  return id;
}

async function answerCase(run: string): Promise<void> {
  await db.pool.query(
    `select howdah.answer_question(q.id, 'the red one') from howdah.questions as q where q.execution_id = $1`,
    [run],
  );
}

async function untilWritten(id: number): Promise<void> {
  await whileFollowing(rowOf(id), async (list) => {
    await list.when(isTicket(id, 'written'));
  });
}

describe('a list of watched rows', () => {
  test('sends a row as its run changes its status, and when its answer is written', async () => {
    await whileFollowing('table=shop.cases&first=0', async (list) => {
      await list.when(isSynced);
      const id = await insertCase();
      const { data } = await list.when(isTicket(id, 'waiting', 'waiting'));
      expect(data.watched_row).toMatchObject({
        ...{ table: 'shop.cases', row_key: { id }, into_column: 'reply', error: null },
        current_row: { id, body: 'Which?', reply: null },
      });
      await answerCase(data.execution_id);
      const written = await list.when(isTicket(id, 'written'));
      expect(written.data).toMatchObject({
        execution_id: data.execution_id,
        watched_row: {
          ...{ id: data.execution_id, execution_id: data.execution_id, status: 'completed' },
          ...{ written_at: expect.any(String), current_row: { id, reply: 'The red one.' } },
        },
      });
      // The run is running before and after its question, so a state may return, but not at once.
      const versions = list.events.filter(isTicket(id)).map((event) => event.data.version);
      expect(versions.filter((version, nth) => version === versions[nth - 1])).toEqual([]);
    });
  });

  test('sends the status of the run where no answer is written back', async () => {
    await whileFollowing('table=shop.parcels&first=0', async (list) => {
      await list.when(isSynced);
      await db.pool.query(`insert into shop.parcels values (1, 'Where is it?')`);
      const { data } = await list.when(
        (event) => isTicket(1)(event) && event.data.watched_row.status === 'completed',
      );
      // The watch without a column needs no key, and the caller may not read the table.
      expect(data.watched_row).toMatchObject({ write_back: null, current_row: null });
    });
  });

  test('begins with the newest rows', async () => {
    const ids = [await insertTicket(), await insertTicket()];
    for (const id of ids) await untilWritten(id);
    await whileFollowing('table=shop.tickets&first=1', async (list) => {
      await list.when(isSynced);
      const first = ({ event, id }: SseEvent) => event === 'watched_row' && id === undefined;
      expect(list.events.filter(first)).toEqual([
        expect.objectContaining({
          data: expect.objectContaining({
            watched_row: expect.objectContaining({
              row_key: { id: ids[1] },
              current_row: { id: ids[1], body: 'Where is it?', reply: 'On its way.', owner: null },
            }),
          }),
        }),
      ]);
    });
  });

  test('loses no answer whose transaction began before later ones, after a reconnect', async () => {
    const [first, second] = [await insertTicket(), await insertTicket()];
    await Promise.all([untilWritten(first), untilWritten(second)]);
    const late = await openSession(db.url);
    const fail = (client: Pick<typeof late, 'query'>, id: number) =>
      client.query(
        `update howdah.watched_rows set write_back = 'failed' where row_key = jsonb_build_object('id', $1::int)`,
        [id],
      );
    try {
      let cursor: string | undefined;
      await whileFollowing('table=shop.tickets', async (list) => {
        await list.when(isSynced);
        await late.query('begin');
        await fail(late, first);
        await fail(db.pool, second);
        cursor = (await list.when(isTicket(second, 'failed'))).id;
        expect(list.events.filter(isTicket(first, 'failed'))).toEqual([]);
      });
      await late.query('commit');
      await whileFollowing(
        'table=shop.tickets',
        async (list) => {
          await list.when(isTicket(first, 'failed'));
          expect(list.events.filter(isTicket(second))).toEqual([]);
        },
        { after: cursor },
      );
    } finally {
      await late.end();
    }
  });

  test('removes a row that leaves the filter', async () => {
    await whileFollowing('table=shop.cases&write_back=waiting&first=0', async (list) => {
      await list.when(isSynced);
      const id = await insertCase();
      const { data } = await list.when(isTicket(id, 'waiting', 'waiting'));
      await answerCase(data.execution_id);
      await list.when(
        ({ event, data: gone }) => event === 'removed' && gone.execution_id === data.execution_id,
      );
    });
  });
});

describe('who may see what', () => {
  test('a caller reads the columns that are granted, of the rows that a policy shows', async () => {
    const [owner, other] = await Promise.all([
      makePerson(db.pool, unique('owner')),
      makePerson(db.pool, unique('other')),
    ]);
    const id = await insertTicket({ owner: owner.user_id });
    const seen = async (token: string) => {
      let row: unknown;
      await whileFollowing(
        `table=shop.tickets&${rowOf(id)}`,
        async (list) => {
          row = (await list.when(isTicket(id, 'written'))).data.watched_row.current_row;
        },
        { server: guarded, token },
      );
      return row;
    };
    expect(await seen(await tokenFor(owner))).toEqual({
      ...{ id, body: 'Where is it?', reply: 'On its way.', owner: owner.user_id }, // no note
    });
    expect(await seen(await tokenFor(other))).toBeNull();
    const path = `/api/watched-rows?table=shop.tickets&${rowOf(id)}`;
    const rows = async (token: string) =>
      (await call(guarded, 'GET', path, undefined, { token })).body.data;
    expect(await rows(await tokenFor(owner))).toMatchObject([{ current_row: { id } }]);
    expect(await rows(await tokenFor(other))).toMatchObject([{ current_row: null }]);
  });

  test('another tenant finds no watch, no row and no change', async () => {
    const outsider = await makePerson(db.pool, unique('stranger'), await makeTenant(db.pool));
    const token = await tokenFor(outsider);
    let after: string | undefined;
    const look = async (list: OpenStream) => {
      after = (await list.when(isSynced)).id;
      expect(list.events.filter(({ event }) => event === 'watched_row')).toEqual([]);
    };
    await whileFollowing('first=10', look, { server: guarded, token });
    await untilWritten(await insertTicket());
    await whileFollowing('first=10', look, { server: guarded, token, after });
    const { status, body } = await call(
      guarded,
      'GET',
      '/api/watched-rows/stream?table=shop.tickets',
      undefined,
      { token },
    );
    expect({ status, code: body.code }).toEqual({ status: 404, code: 'HWNTF' });
    expect(body.hint).not.toContain('shop');
  });
});

test.each([
  ['table=shop.tickez', 404, 'HWNTF', undefined],
  ['row=nonsense', 400, 'HWINV', 'row'],
  ['row=%5B1%5D', 400, 'HWINV', 'row'],
  ['write_back=maybe', 400, 'HWINV', 'write_back'],
  ['status=odd', 400, 'HWINV', 'status'],
  ['colour=red', 400, 'HWINV', 'colour'],
])('?%s is refused', async (query, status, code, field) => {
  for (const path of ['/api/watched-rows', '/api/watched-rows/stream']) {
    const answer = await call(api, 'GET', `${path}?${query}`);
    expect({ status: answer.status, code: answer.body.code, field: answer.body.field }).toEqual({
      ...{ status, code, field },
    });
    if (code === 'HWNTF')
      expect(answer.body.hint).toContain('shop.cases, shop.parcels, shop.tickets');
  }
});

test('the client follows a list of watched rows', async () => {
  const server = connect(api.url);
  const id = nextTicket();
  const events = server.watchedRowsFeed({ table: 'shop.tickets', first: 0 });
  const seen = (async () => {
    for await (const event of events) {
      if (event.type !== 'changed') continue;
      if (event.row.row_key.id === id && event.row.write_back === 'written') return event;
    }
    return undefined;
  })();
  await db.pool.query(`insert into shop.tickets (id, body) values ($1, 'And now?')`, [id]);
  expect(await seen).toMatchObject({
    type: 'changed',
    cursor: expect.any(String),
    row: { status: 'completed', current_row: { id, body: 'And now?', reply: 'On its way.' } },
  });
});

describe('watchedRowsFeed', () => {
  const FEED = `subscription ($filter: WatchedRowsFeedFilter, $after: String, $first: Int) {
    watchedRowsFeed(filter: $filter, after: $after, first: $first) {
      kind cursor id watchedRow { rowKey writeBack currentRow execution { id status output } }
    }
  }`;

  test('sends each change with its run and its row', async () => {
    const socket = openSocket(api);
    try {
      const filter = { table: 'shop.cases' };
      const { items, errors } = follow(socket, FEED, { filter, first: 0 });
      await until(() => items.some(({ kind }) => kind === 'synced'));
      const id = await insertCase();
      const of = (writeBack: string, status: string) =>
        items.find(
          ({ watchedRow: row }) =>
            row?.rowKey.id === id && row.writeBack === writeBack && row.execution.status === status,
        );
      await until(() => errors.length > 0 || of('waiting', 'waiting') !== undefined);
      expect(errors).toEqual([]);
      const run = of('waiting', 'waiting')?.id;
      await answerCase(run);
      await until(() => errors.length > 0 || of('written', 'completed') !== undefined);
      expect(errors).toEqual([]);
      expect(of('written', 'completed')).toMatchObject({
        ...{ kind: 'changed', id: run, cursor: expect.any(String) },
        watchedRow: {
          currentRow: { id, body: 'Which?', reply: 'The red one.' },
          execution: { id: run, output: 'The red one.' },
        },
      });
    } finally {
      await socket.client.dispose();
    }
  });

  test.each([
    [{ filter: { table: 'shop.tickez' } }, 'HWNTF'],
    [{ filter: { row: 'nonsense' } }, 'HWINV'],
    [{ after: 'nonsense' }, 'HWINV'],
  ])('%j is refused', async (variables, code) => {
    const socket = openSocket(api);
    try {
      const { errors, end } = follow(socket, FEED, variables);
      await end;
      expect(errors.map(({ extensions }) => extensions.code)).toEqual([code]);
    } finally {
      await socket.client.dispose();
    }
  });
});
