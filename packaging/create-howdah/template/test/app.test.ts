import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { connect, type Howdah, start } from 'howdah';
import { createApp } from '../src/app.ts';
import { passwordOf } from '../src/login.ts';
import { setUp } from '../src/set-up.ts';
import { deliveryDate } from '../src/tools/delivery-date.ts';
import { createDatabase, createScript } from './support.ts';

// The whole app on a real database. Only the model is scripted, so no key is needed.

let database: Awaited<ReturnType<typeof createDatabase>>;
let howdah: Howdah;
const servers: Server[] = [];

before(async () => {
  database = await createDatabase();
  howdah = await start({
    databaseUrl: database.url,
    port: false,
    auth: 'none',
    tools: [deliveryDate],
    logger: false,
  });
  await setUp(howdah);
});

after(async () => {
  for (const server of servers) server.close().closeAllConnections();
  await howdah?.close();
  await database?.drop();
});

async function serve(password?: string): Promise<string> {
  const server = createApp(howdah, password);
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('the agent looks up the order, and then the day on which it arrives', async () => {
  const model = await createScript(howdah, [
    { tool_calls: [{ name: 'order_status', arguments: { order_no: 'A-1001' } }] },
    {
      expect: { last_content_contains: '2026-05-07' },
      tool_calls: [
        { name: 'delivery_date', arguments: { shipped_on: '2026-05-07', service: 'standard' } },
      ],
    },
    { expect: { last_content_contains: '2026-05-12' }, content: 'It arrives on 12 May.' },
  ]);
  const { execution_id } = await howdah.createRun({
    agent: 'support',
    message: 'When does A-1001 arrive?',
    overrides: { model },
  });
  const { status, output } = await howdah.waitFor(execution_id);
  assert.deepEqual({ status, output }, { status: 'completed', output: 'It arrives on 12 May.' });
});

test('the app can be set up again', async () => {
  await setUp(howdah);
  const { data } = await howdah.call('listAgents', { query: { limit: 100 } });
  assert.equal(data.filter(({ name }) => name === 'support').length, 1);
});

test('the list of the page shows a run until it has ended', { timeout: 60_000 }, async () => {
  const url = await serve();
  assert.match(await (await fetch(url)).text(), /executions\/stream\?agent=support/);
  const model = await createScript(howdah, [{ content: 'Good morning!' }]);
  const list = connect(`${url}/howdah`).executionsFeed({ agent: 'support', first: 0 });
  const run = { agent: 'support', message: 'Hello', overrides: { model } };
  let id: string | undefined;
  for await (const event of list) {
    // A list may send a run of another test again that ended shortly before.
    if (event.type === 'synced') {
      id = (await howdah.createRun(run)).execution_id;
    } else if (
      event.type === 'changed' &&
      event.row.id === id &&
      event.row.status === 'completed'
    ) {
      assert.equal(event.row.output, 'Good morning!');
      return;
    }
  }
});

test('the app needs a password, unless the environment says that it needs none', () => {
  assert.equal(passwordOf({ APP_PASSWORD: 's3cret' }), 's3cret');
  assert.equal(passwordOf({ HOWDAH_AUTH: 'none' }), undefined);
  for (const env of [{}, { APP_PASSWORD: '' }, { HOWDAH_AUTH: 'required' }]) {
    assert.throws(() => passwordOf(env), /APP_PASSWORD is not set/);
  }
});

test('with a password, nothing is served without it', async () => {
  const url = await serve('s3cret');
  const agents = (authorization?: string) =>
    fetch(`${url}/howdah/api/agents`, { headers: authorization ? { authorization } : {} });
  assert.equal((await fetch(url)).status, 401);
  assert.equal((await agents()).status, 401);
  assert.equal((await agents(`Basic ${btoa('me:wrong')}`)).status, 401);
  assert.equal((await agents(`Basic ${btoa('me:s3cret')}`)).status, 200);
});
