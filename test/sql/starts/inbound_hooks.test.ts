import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, asRole, makeAgent, makeTenant, makeUser, one, refusal, unique } from '../support.ts';

const db = testDatabase();
let agent: string;
let tenant: string;

beforeAll(async () => {
  tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
  agent = await makeAgent(db.pool);
  await db.pool.query(
    `insert into howdah.secrets (name, fingerprint) values ('hook', ''), ('bot', ''), ('other', '')`,
  );
});

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

describe('a hook is refused', () => {
  const reply = { url: 'https://slack.com/api/chat.postMessage', body: '{}' };
  test.each<[Record<string, unknown>, string, object]>([
    [{ name: 'Not a path' }, 'HWINV', { constraint: 'name_is_part_of_a_path' }],
    [{ name: '../x' }, 'HWINV', { constraint: 'name_is_part_of_a_path' }],
    [{ agent_id: null }, 'HWINV', { field: 'agent_id' }],
    [{ agent_id: '019a0000-0000-7000-8000-000000000000' }, 'HWNTF', { field: 'agent_id' }],
    [{ secret_name: 'missing' }, 'HWNTF', { secret: 'missing' }],
    [{ secret_name: null }, 'HWINV', {}],
    [{ previous_secret_name: 'missing' }, 'HWNTF', { secret: 'missing' }],
    [{ secret_header: 'X-Token' }, 'HWINV', { constraint: 'secret_header_is_a_header' }],
    [{ mapping: { inputs: 'body' } }, 'HWINV', { field: 'mapping.inputs' }],
    [{ mapping: { input: 4 } }, 'HWINV', { field: 'mapping.input' }],
    [{ mapping: { input: ' ' } }, 'HWINV', { field: 'mapping.input' }],
    [{ mapping: '[]' }, 'HWINV', { constraint: 'mapping_is_an_object' }],
    [{ mapping: { input: "'xoxb-1234567890-abcdefghij'" } }, 'HWINV', {}],
    [{ debounce_key: 'body.id' }, 'HWINV', { constraint: 'a_debounce_key_has_a_window' }],
    [
      { debounce_key: 'body.id', debounce_ms: 5, session_key: 'body.id' },
      'HWINV',
      { constraint: 'messages_of_a_session_are_not_debounced' },
    ],
    [{ reply: { url: reply.url } }, 'HWINV', { field: 'reply.body' }],
    [{ reply: { ...reply, url: 'http://slack.com/x' } }, 'HWINV', { field: 'reply.url' }],
    [{ reply: { ...reply, url: 'https://a:b@slack.com/x' } }, 'HWINV', {}],
    [{ reply: { ...reply, secret_name: 'missing' } }, 'HWNTF', { secret: 'missing' }],
    [{ reply: { ...reply, token: 'x' } }, 'HWINV', {}],
  ])('%j', async (columns, code, fields) => {
    expect(await refusal(insertHook(columns))).toMatchObject({ code, fields });
  });

  test('with a name that another hook of the tenant has, but not that of another tenant', async () => {
    const { name } = await insertHook();
    expect(await refusal(insertHook({ name }))).toMatchObject({ code: '23505' });
    const other = await makeTenant(db.pool);
    await db.pool.query(
      `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, 'hook', '')`,
      [other],
    );
    const agent_id = await makeAgent(db.pool, { tenant_id: other });
    expect(await insertHook({ name, tenant_id: other, agent_id })).toMatchObject({ name });
    expect(await refusal(insertHook({ tenant_id: other }))).toMatchObject({ code: 'HWNTF' });
  });
});

test('admins write hooks; members read hooks and deliveries; no role writes deliveries', async () => {
  const { id } = await insertHook();
  const admin = await makeUser(db.pool, { role: 'admin' });
  const member = await makeUser(db.pool, { role: 'member' });
  const as = (user: { id: string }, role: string) => ({
    'howdah.tenant_id': tenant,
    'howdah.user_id': user.id,
    'howdah.role': role,
  });
  const insert = `insert into howdah.inbound_hooks (name, verification, secret_name, agent_id)
    values ('${unique('hook')}', 'stripe', 'hook', '${agent}') returning user_id`;
  await asRole(db.pool, 'howdah_app', as(admin, 'admin'), async (client) => {
    expect(await one(client, insert)).toEqual({ user_id: admin.id });
    await client.query(`update howdah.inbound_hooks set description = 'x' where id = $1`, [id]);
    const before = await one(client, 'select user_id from howdah.inbound_hooks where id = $1', [
      id,
    ]);
    expect(before.user_id).toBeNull();
    await client.query(`update howdah.inbound_hooks set condition = 'true' where id = $1`, [id]);
    const after = await one(client, 'select user_id from howdah.inbound_hooks where id = $1', [id]);
    expect(after.user_id).toBe(admin.id);
  });
  for (const text of [
    insert,
    `update howdah.inbound_hooks set is_active = false`,
    `insert into howdah.inbound_deliveries (inbound_hook_id, status) values ('${id}', 'failed')`,
    `select howdah_private.receive_delivery('${id}', '{"input": "x"}')`,
    `select howdah_private.find_inbound_hooks('{default}', '{x}')`,
  ]) {
    const refused = asRole(db.pool, 'howdah_app', as(member, 'member'), (client) =>
      client.query(text),
    );
    expect(await refusal(refused)).toMatchObject({ code: expect.stringMatching(/HWDEN|42501/) });
  }
  await asRole(db.pool, 'howdah_app', as(member, 'member'), async (client) => {
    expect(
      await all(
        client,
        'select h.path from howdah.inbound_hooks as i, lateral (select howdah.inbound_hooks_path(i) as path) as h where i.id = $1',
        [id],
      ),
    ).toHaveLength(1);
  });
});

test('a secret of a hook cannot be removed', async () => {
  await insertHook({
    secret_name: 'other',
    reply: { url: 'https://slack.com/x', body: '{}', secret_name: 'bot' },
  });
  for (const name of ['other', 'bot']) {
    expect(await refusal(db.pool.query('select howdah.remove_secret($1)', [name]))).toMatchObject({
      code: 'HWCNF',
      fields: { used_by: [expect.stringContaining('hook')] },
    });
  }
});

test('deliveries are kept as long as runs; those without a run for thirty days', async () => {
  const own = await makeTenant(db.pool);
  await db.pool.query(
    `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, 'hook', '')`,
    [own],
  );
  const hook = await insertHook({
    tenant_id: own,
    agent_id: await makeAgent(db.pool, { tenant_id: own }),
  });
  const insert = (days: number, status: string) =>
    db.pool.query(
      `insert into howdah.inbound_deliveries
         (tenant_id, inbound_hook_id, status, execution_id, received_at, last_received_at)
       select $1, $2, $3::howdah.inbound_status, case $3 when 'accepted' then howdah.uuid_v7() end, t.at, t.at
       from (select now() - make_interval(days => $4) as at) as t`,
      [own, hook.id, status, days],
    );
  for (const days of [1, 29, 31, 60]) {
    await insert(days, 'accepted');
    await insert(days, 'refused');
  }
  const left = async () =>
    (
      await all<{ left: string }>(
        db.pool,
        `select d.status || ' ' || extract(day from now() - d.received_at) as left
         from howdah.inbound_deliveries as d where d.inbound_hook_id = $1 order by 1`,
        [hook.id],
      )
    ).map((row) => row.left);
  await db.pool.query('select howdah_private.delete_old_deliveries()');
  expect(await left()).toEqual([
    'accepted 1',
    'accepted 29',
    'accepted 31',
    'accepted 60',
    'refused 1',
    'refused 29',
  ]);
  await db.pool.query(
    'insert into howdah.retention_policies (tenant_id, keep_runs_days) values ($1, 40)',
    [own],
  );
  await db.pool.query('select howdah_private.retain_tenant($1)', [own]);
  expect(await left()).toEqual([
    'accepted 1',
    'accepted 29',
    'accepted 31',
    'refused 1',
    'refused 29',
  ]);
});
