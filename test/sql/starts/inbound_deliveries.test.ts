import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  claim,
  complete,
  makeAgent,
  makeRun,
  makeUser,
  makeWorker,
  one,
  refusal,
  unique,
} from '../support.ts';

const db = testDatabase();
let agent: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool);
  await db.pool.query(`insert into howdah.secrets (name, fingerprint) values ('hook', '')`);
});

const REPLY = { url: 'https://slack.com/api/chat.postMessage', body: '{}' };

function insertHook(columns: Record<string, unknown> = {}) {
  const row = {
    name: unique('hook'),
    verification: 'github',
    secret_name: 'hook',
    agent_id: agent,
    ...columns,
  };
  return one(
    db.pool,
    `insert into howdah.inbound_hooks (${Object.keys(row).join(', ')})
     values (${Object.keys(row).map((_, index) => `$${index + 1}`)}) returning *`,
    Object.values(row),
  );
}

async function receive(
  hook: pg.QueryResultRow,
  delivery: object,
  client: Pick<typeof db.pool, 'query'> = db.pool,
) {
  const { result } = await one(client, 'select howdah_private.receive_delivery($1, $2) as result', [
    hook.id,
    JSON.stringify(delivery),
  ]);
  return result;
}

const deliveryOf = (run: string) =>
  one(
    db.pool,
    `select delivery_id, reply, error, encode(signature_sha256, 'hex') as signature
     from howdah.inbound_deliveries where execution_id = $1`,
    [run],
  );

describe('what a sender wrote is erased with the contents of the run', () => {
  const signature = () => crypto.randomUUID().replaceAll('-', '').repeat(2);

  test.each(['false', 'true'])('with keep_keys => %s', async (keepKeys) => {
    const hook = await insertHook();
    const sent = {
      input: 'x',
      delivery_id: 'anna@example.com',
      signature: signature(),
      reply: { to: 'Anna' },
    };
    const { execution_id } = await receive(hook, sent);
    const worker = await makeWorker(db.pool);
    await claim(db.pool, worker, [execution_id]);
    await complete(db.pool, worker, execution_id);
    await db.pool.query(`select howdah_private.erase_runs(array[$1::uuid], ${keepKeys})`, [
      execution_id,
    ]);
    expect(await deliveryOf(execution_id)).toEqual({
      delivery_id: keepKeys === 'true' ? sent.delivery_id : null,
      reply: null,
      error: null,
      signature: sent.signature,
    });
    expect(await receive(hook, sent)).toMatchObject({ is_repeat: true, execution_id });
  });

  test('and when the run is deleted', async () => {
    const hook = await insertHook();
    const sent = { input: 'x', delivery_id: 'anna', signature: signature(), reply: { to: 'Anna' } };
    const { execution_id } = await receive(hook, sent);
    const worker = await makeWorker(db.pool);
    await claim(db.pool, worker, [execution_id]);
    await complete(db.pool, worker, execution_id);
    await db.pool.query('select howdah_private.delete_runs(array[$1::uuid])', [execution_id]);
    expect(await deliveryOf(execution_id)).toMatchObject({ delivery_id: null, reply: null });
  });
});

describe('input filters check the reply that a hook makes of the body', () => {
  async function filteredHook(action: string) {
    const agent_id = await makeAgent(db.pool);
    await db.pool.query(
      `insert into howdah.output_filters (name, agent_id, pattern, places, action)
       values ($1, $2, '[0-9]{3}-[0-9]{4}', '{input}', $3)`,
      [unique('phone'), agent_id, action],
    );
    return insertHook({ agent_id });
  }
  const sent = { input: 'call me', reply: { note: 'at 555-1234', channel: 'C1' } };

  test('a match is withheld and counted', async () => {
    const { execution_id } = await receive(await filteredHook('redact'), sent);
    expect((await deliveryOf(execution_id)).reply).toEqual({
      note: expect.stringMatching(/^at \[phone.* withheld\]$/),
      channel: 'C1',
    });
    const run = await one(db.pool, 'select input_hits from howdah.executions where id = $1', [
      execution_id,
    ]);
    expect(run.input_hits).toMatchObject([{ action: 'redact', matches: 1 }]);
  });

  test('a blocked reply begins no run', async () => {
    const hook = await filteredHook('block');
    expect(await receive(hook, sent)).toMatchObject({
      status: 'failed',
      execution_id: null,
      error: { code: 'HWINV', detail: { field: 'reply' } },
    });
    const runs = await all(
      db.pool,
      `select from howdah.executions where metadata ->> 'hook' = $1`,
      [hook.name],
    );
    expect(runs).toEqual([]);
  });
});

test('a delivery fails, and may be sent again, if the hook got another user meanwhile', async () => {
  const before = await makeUser(db.pool, { role: 'admin' });
  const now = await makeUser(db.pool, { role: 'viewer' });
  const hook = await insertHook({ user_id: now.id });
  const as = (user: string) => ({
    'howdah.tenant_id': hook.tenant_id,
    'howdah.user_id': user,
    'howdah.role': 'admin',
  });
  const sent = asRole(db.pool, 'howdah_authenticator', as(before.id), (client) =>
    receive(hook, { input: 'x' }, client),
  );
  expect(await refusal(sent)).toMatchObject({ code: '40001' });
  expect(
    await all(db.pool, 'select from howdah.inbound_deliveries where inbound_hook_id = $1', [
      hook.id,
    ]),
  ).toEqual([]);
});

describe('a hook of a user who is deleted', () => {
  const isActive = async (id: string) =>
    await one(db.pool, 'select is_active, user_id from howdah.inbound_hooks where id = $1', [id]);

  test('is switched off, since its runs would get the rights of the tenant', async () => {
    const user = await makeUser(db.pool, { role: 'viewer' });
    const hook = await insertHook({ user_id: user.id });
    const other = await insertHook();
    await db.pool.query('delete from howdah.users where id = $1', [user.id]);
    expect(await isActive(hook.id)).toEqual({ is_active: false, user_id: null });
    expect(await isActive(other.id)).toMatchObject({ is_active: true });
    expect(await refusal(receive(hook, { input: 'x' }))).toMatchObject({ code: 'HWNTF' });
  });
});

test('two hooks with one run send their replies each to its own address', async () => {
  const hooks = await Promise.all(
    ['a', 'b'].map((host) =>
      insertHook({ reply: { ...REPLY, url: `https://${host}.example.com/`, secret_name: 'hook' } }),
    ),
  );
  const run = await makeRun(db.pool, { agent_id: agent });
  for (const hook of hooks) {
    await db.pool.query(
      `insert into howdah.inbound_deliveries (inbound_hook_id, status, execution_id, reply)
       values ($1, 'accepted', $2, '{"to": "them"}')`,
      [hook.id, run],
    );
  }
  const worker = await makeWorker(db.pool);
  await claim(db.pool, worker, [run]);
  await complete(db.pool, worker, run);
  const deliveries = await all(
    db.pool,
    'select id, inbound_hook_id from howdah.webhook_deliveries where execution_id = $1',
    [run],
  );
  expect(deliveries.map((row) => row.inbound_hook_id).toSorted()).toEqual(
    hooks.map(({ id }) => id).toSorted(),
  );
  for (const { id, inbound_hook_id } of deliveries) {
    const { delivery } = await one(
      db.pool,
      'select howdah_private.begin_delivery($1) as delivery',
      [id],
    );
    expect(delivery.url).toBe(hooks.find((hook) => hook.id === inbound_hook_id)?.reply.url);
  }
});

describe('reply.url', () => {
  const insert = (url: string, tenant: string) =>
    `insert into howdah.inbound_hooks (name, verification, secret_name, agent_id, reply)
     values ('${unique('hook')}', 'github', 'hook', '${agent}', '${JSON.stringify({ ...REPLY, url })}')
     returning tenant_id = '${tenant}'`;

  test('names no address of the machine, unless an operator opens it for a day', async () => {
    const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
    const admin = await makeUser(db.pool, { role: 'admin' });
    const settings = {
      'howdah.tenant_id': tenant,
      'howdah.user_id': admin.id,
      'howdah.role': 'admin',
    };
    const send = (url: string) =>
      asRole(db.pool, 'howdah_app', settings, (client) => client.query(insert(url, tenant)));
    const inside = 'http://10.9.8.7:8080/x';
    expect(await refusal(send(inside))).toMatchObject({
      code: 'HWDEN',
      fields: { field: 'reply.url', host: '10.9.8.7' },
    });
    const host = unique('host');
    await db.pool.query('select howdah_private.report_egress($1, $2)', [
      host,
      JSON.stringify([{ host: '10.9.8.7', wildcard: false, port: 8080 }]),
    ]);
    await send(inside);
    await db.pool.query(
      `update howdah_private.egress_reports set reported_at = now() - interval '25 hours' where host = $1`,
      [host],
    );
    expect(await refusal(send(inside))).toMatchObject({ code: 'HWDEN' });
    await send('https://hooks.example.com/x');
  });
});
