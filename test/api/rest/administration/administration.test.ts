import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { createMasterKeys } from '../../../../src/secrets/master-keys.ts';
import { all, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { type Called, type CallOptions, call } from '../call.ts';

const db = testDatabase();
const masterKeys = createMasterKeys({ keys: [Buffer.alloc(32, 7)], file: undefined });
let api: ApiServer;
let walled: ApiServer;
const tokens: Record<string, string> = {};
let agent: string;
let tenant: string;
const ask = (method: string, path: string, body?: unknown, options?: CallOptions) =>
  call(api, method, path, body, options);
/** Sends a request with this role to the server that requires a login. */
const as = (role: string, method: string, path: string, body?: unknown) =>
  call(walled, method, path, body, { token: tokens[role] ?? '' });

beforeAll(async () => {
  api = await startTestApi(db.url, { masterKeys });
  walled = await startTestApi(db.url, { ...tokenOptions, masterKeys });
  const person = await makePerson(db.pool, 'somebody');
  tenant = person.tenant_id;
  for (const role of ['owner', 'admin', 'member', 'viewer']) {
    const nobody = { sub: role, tenant_id: tenant, user_id: '' };
    tokens[role] = await tokenFor(nobody, { user_id: undefined, role });
  }
  agent = (await one<{ id: string }>(db.pool, `select howdah.agent('development') as id`)).id;
});
afterAll(async () => {
  await api?.close();
  await walled?.close();
});

type Case = {
  made: () => object;
  patch: object;
  /** A wrong value, and the field named by the error. */
  faulty: [() => object, string];
  /** Absent if a second equal row is a conflict. */
  isUnique?: false;
  /** The lowest role that may write. */
  least: 'member' | 'admin' | 'owner';
  canDelete?: false;
};

const CASES: Record<string, Case> = {
  skills: {
    made: () => ({ name: 'refunds', description: 'Rules.', content: 'Refund within 30 days.' }),
    patch: { content: 'Refund within 60 days.' },
    faulty: [() => ({ name: 'a b', description: 'Rules.', content: 'x' }), 'name'],
    least: 'member',
  },
  schedules: {
    made: () => ({ name: 'nightly', cron: '0 3 * * *', agent: 'development', input: 'Report.' }),
    patch: { timezone: 'Europe/Berlin', is_active: false },
    faulty: [
      () => ({ name: 'never', cron: '0 99 * * *', agent: 'development', input: 'x' }),
      'cron',
    ],
    least: 'member',
  },
  limits: {
    made: () => ({
      scope: 'agent',
      subject_id: agent,
      metric: 'runs',
      period: 'day',
      max_value: 9,
    }),
    patch: { max_value: 10 },
    faulty: [() => ({ metric: 'runs', period: 'day', max_value: -1 }), 'max_value'],
    least: 'admin',
  },
  grants: {
    made: () => ({ agent_id: agent, role: 'member', permission: 'run' }),
    patch: { permission: 'edit' },
    faulty: [() => ({ agent_id: agent, role: 'member', permission: 'fly' }), 'permission'],
    least: 'admin',
  },
  users: {
    made: () => ({ username: 'ann', email: 'ann@example.com', role: 'viewer' }),
    patch: { role: 'member', is_active: false },
    faulty: [() => ({ username: 'bob', role: 'boss' }), 'role'],
    least: 'admin',
    canDelete: false,
  },
  'output-filters': {
    made: () => ({ name: 'iban', pattern: 'DE[0-9]{20}' }),
    patch: { action: 'block', places: ['output', 'input'] },
    faulty: [() => ({ name: 'open', pattern: '(' }), 'pattern'],
    least: 'admin',
  },
  'tool-policies': {
    made: () => ({ kind: 'http', effect: 'once', decision: 'ask' }),
    patch: { decision: 'deny' },
    faulty: [() => ({ kind: 'http', min_trust: 'external', decision: 'ask' }), 'min_trust'],
    least: 'admin',
  },
  'retention-policies': {
    made: () => ({ keep_runs_days: 30 }),
    patch: { keep_contents_days: 7 },
    faulty: [() => ({ keep_sessions_minutes: 0 }), 'keep_sessions_minutes'],
    least: 'owner',
  },
};

const without = (body: object, ...names: string[]) =>
  Object.fromEntries(Object.entries(body).filter(([name]) => !names.includes(name)));

describe.each(Object.entries(CASES))('/api/%s', (path, one) => {
  const url = `/api/${path}`;

  test('rows are created once, read, changed under their tag, replaced and deleted', async () => {
    const key = { headers: { 'idempotency-key': randomUUID() } };
    const first = await ask('POST', url, one.made(), key);
    expect(first).toMatchObject({ status: 201, body: without(one.made(), 'agent') });
    const place = first.headers.get('location') ?? '';
    expect(place).toBe(`${url}/${first.body.id}`);
    const repeated = await ask('POST', url, one.made(), key);
    expect([repeated.status, repeated.body.id]).toEqual([201, first.body.id]);
    const twice = await ask('POST', url, one.made());
    expect(twice).toMatchObject({ status: 409, body: { code: 'HWCNF' } });
    expect((await ask('GET', place)).body).toEqual(first.body);
    expect((await ask('GET', url)).body.data).toContainEqual(first.body);

    const etag = first.headers.get('etag') ?? '';
    const same = await ask('GET', place, undefined, { headers: { 'if-none-match': etag } });
    // the tag of a partial representation is valid for writes only
    expect([304, 200]).toContain(same.status);
    const matched = { headers: { 'if-match': etag } };
    const changed = await ask('PATCH', place, one.patch, matched);
    expect(changed).toMatchObject({ status: 200, body: one.patch });
    const stale = await ask('PATCH', place, one.patch, matched);
    expect(stale).toMatchObject({ status: 412, body: { code: 'HWCNF' } });
    const again = await ask('PUT', place, changed.body);
    expect(without(again.body, 'updated_at')).toEqual(without(changed.body, 'updated_at'));
    if (one.canDelete === false) {
      expect((await ask('DELETE', place)).status).toBe(405);
      return;
    }
    expect((await ask('DELETE', place, undefined, matched)).status).toBe(412);
    expect((await ask('DELETE', place)).status).toBe(204);
    for (const method of ['GET', 'DELETE']) {
      expect(await ask(method, place)).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
    }
  });

  test('a wrong value is refused, and the error names the field', async () => {
    const [faulty, field] = one.faulty;
    const refused = await ask('POST', url, faulty());
    expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV' } });
    expect(JSON.stringify(refused.body)).toContain(field);
    expect(refused.body.detail).toBeTruthy();
    const misspelt = await ask('POST', url, { ...one.made(), nothing: 1 });
    expect(misspelt).toMatchObject({ status: 400, body: { field: 'nothing' } });
  });

  test('the role decides who may write, as in SQL', async () => {
    const roles = ['viewer', 'member', 'admin', 'owner'];
    const named = (role: string) => {
      const body = one.made();
      const unique = Object.keys(body).find((name) => ['name', 'username'].includes(name));
      return unique ? { ...body, [unique]: `by_${role}` } : body;
    };
    for (const role of roles) {
      const made = await as(role, 'POST', url, named(role));
      if (roles.indexOf(role) < roles.indexOf(one.least)) {
        expect([role, made.status, made.body.code]).toEqual([role, 403, 'HWDEN']);
        continue;
      }
      expect([role, made.status]).toEqual([role, 201]);
      if (one.canDelete !== false) {
        expect((await as(role, 'DELETE', `${url}/${made.body.id}`)).status).toBe(204);
      }
    }
  });
});

describe('skills of an agent', () => {
  test('are given by name, in their order, and taken away', async () => {
    for (const name of ['first', 'second']) {
      const skill = { name, description: 'Rules.', content: 'Be kind.' };
      expect((await ask('POST', '/api/skills', skill)).status).toBe(201);
    }
    const made = await ask('POST', '/api/agents', { name: 'skilled', skills: ['second', 'first'] });
    expect(made).toMatchObject({ status: 201, body: { skills: ['second', 'first'] } });
    const place = `/api/agents/${made.body.id}`;
    const patch = (body: object) => ask('PATCH', place, body);
    expect((await patch({ description: 'Kept.' })).body.skills).toEqual(['second', 'first']);
    expect((await patch({ skills: ['first', 'first'] })).body.skills).toEqual(['first']);
    expect(await patch({ skills: ['frist'] })).toMatchObject({
      status: 404,
      body: { code: 'HWNTF', hint: expect.stringContaining('first') },
    });
    const { body } = await ask('GET', '/api/skills?name=first');
    expect(await ask('DELETE', `/api/skills/${body.data[0].id}`)).toMatchObject({
      status: 409,
      body: { code: 'HWCNF' },
    });
    expect((await patch({ skills: [] })).body.skills).toEqual([]);
    expect((await ask('DELETE', `/api/skills/${body.data[0].id}`)).status).toBe(204);
  });
});

describe('remembered approvals', () => {
  test('are listed and taken back, and never made', async () => {
    const { id } = await one<{ id: string }>(
      db.pool,
      `insert into howdah.approvals (tenant_id, scope, agent_id, tool, created_by)
       values ($1, 'agent', $2, 'calculator', 'somebody') returning id`,
      [tenant, agent],
    );
    const { body } = await as('viewer', 'GET', `/api/approvals?agent_id=${agent}`);
    expect(body.data).toMatchObject([{ id, tool: 'calculator', scope: 'agent' }]);
    expect((await as('member', 'DELETE', `/api/approvals/${id}`)).status).toBe(403);
    expect((await as('admin', 'DELETE', `/api/approvals/${id}`)).status).toBe(204);
    expect((await ask('POST', '/api/approvals', { tool: 'calculator' })).status).toBe(405);
  });
});

describe('schedules', () => {
  const nightly = { cron: '@daily', input: 'Report.' };

  test('an agent or workflow is named by name or by id', async () => {
    const by = (more: object) => ask('POST', '/api/schedules', { name: 's', ...nightly, ...more });
    expect(await by({ agent: 'developement' })).toMatchObject({
      status: 404,
      body: { code: 'HWNTF' },
    });
    expect(await by({ agent: 'development', agent_id: crypto.randomUUID() })).toMatchObject({
      status: 400,
      body: { field: 'agent' },
    });
    expect((await by({})).body.detail).toMatch(/agent/);
    const made = await by({ agent_id: agent });
    expect(made).toMatchObject({ status: 201, body: { agent_id: agent, workflow_id: null } });
    expect(Date.parse(made.body.next_at)).toBeGreaterThan(Date.now());

    const run = await ask('POST', `/api/schedules/${made.body.id}/run`);
    expect(run).toMatchObject({ status: 201, body: { input: 'Report.', agent_id: agent } });
    const refused = await as('viewer', 'POST', `/api/schedules/${made.body.id}/run`);
    expect(refused).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
    await ask('POST', `/api/executions/${run.body.id}/cancel`);
    await ask('DELETE', `/api/schedules/${made.body.id}`);
  });

  test('times of an expression are listed before it is used', async () => {
    const query = 'cron=0+9+*+*+MON&timezone=Europe/Berlin&after=2030-01-01T00:00:00Z&count=2';
    expect(await ask('GET', `/api/schedules/times?${query}`)).toMatchObject({
      status: 200,
      body: { data: ['2030-01-07T08:00:00+00:00', '2030-01-14T08:00:00+00:00'] },
    });
    for (const [wrong, field] of [
      ['cron=61+*+*+*+*', 'cron'],
      ['cron=@daily&timezone=Berlin', 'timezone'],
      ['cron=@daily&count=0', 'count'],
    ]) {
      const refused = await ask('GET', `/api/schedules/times?${wrong}`);
      expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
    }
  });
});

describe('API keys', () => {
  test('a key is shown once, works, and is revoked', async () => {
    const asOwner = (method: string, path: string, body?: unknown, options?: CallOptions) =>
      call(walled, method, path, body, { ...options, token: tokens.owner ?? '' });
    const headers = { 'idempotency-key': randomUUID() };
    const body = { name: 'ci', role: 'viewer', scopes: ['read'] };
    const made = await asOwner('POST', '/api/api-keys', body, { headers });
    expect(made).toMatchObject({ status: 201, body: { ...body, revoked_at: null } });
    const { key, id } = made.body as { key: string; id: string };
    expect(key).toMatch(/^hwd_/);
    expect((await call(walled, 'GET', '/api/agents', undefined, { token: key })).status).toBe(200);
    const denied = await call(
      walled,
      'POST',
      '/api/prompts',
      { name: 'x', template: 'x' },
      {
        token: key,
      },
    );
    expect(denied).toMatchObject({ status: 403, body: { code: 'HWDEN' } });

    const repeated = await asOwner('POST', '/api/api-keys', body, { headers });
    expect(repeated).toMatchObject({ status: 201, body: { id } });
    const secret = key.split('_')[2] ?? '';
    for (const answer of [
      repeated,
      await asOwner('GET', `/api/api-keys/${id}`),
      await asOwner('GET', '/api/api-keys'),
      await asOwner('PATCH', `/api/api-keys/${id}`, { name: 'ci of main' }),
      await asOwner('POST', `/api/api-keys/${id}/revoke`),
    ]) {
      expect(JSON.stringify(answer.body)).not.toContain(secret);
      expect(JSON.stringify(answer.body)).not.toMatch(/hash|"key"/);
    }
    expect((await asOwner('GET', `/api/api-keys/${id}`)).body).toMatchObject({
      name: 'ci of main',
      revoked_at: expect.any(String),
    });
    expect((await asOwner('DELETE', `/api/api-keys/${id}`)).status).toBe(405);
  });

  test('no key has more rights than its creator, and only admins see keys', async () => {
    const more = await as('admin', 'POST', '/api/api-keys', { name: 'more', role: 'owner' });
    expect(more).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
    for (const role of ['member', 'viewer']) {
      const made = await as(role, 'POST', '/api/api-keys', { name: 'mine' });
      expect(made).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
      expect((await as(role, 'GET', '/api/api-keys')).body.data).toEqual([]);
    }
  });

  test.each([
    [{ name: ' ' }, 'name'],
    [{ name: 'x', expires_at: '2020-01-01T00:00:00Z' }, 'expires_at'],
    [{ name: 'x', scopes: ['fly'] }, 'scopes.0'],
    [{ name: 'x', scopes: [] }, 'scopes'],
    [{ name: 'x', role: 'boss' }, 'role'],
    [{ role: 'viewer' }, 'name'],
  ])('%j is refused', async (body, field) => {
    const refused = await ask('POST', '/api/api-keys', body);
    expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
  });
});

describe('secrets', () => {
  const VALUE = 'a-value-that-nobody-may-see-31415';

  test('a value is written, rotated and removed, and never read', async () => {
    const answers: Called[] = [];
    const askAndRecord = async (...args: Parameters<typeof ask>) => {
      const answer = await ask(...args);
      answers.push(answer);
      return answer;
    };
    const headers = { 'idempotency-key': randomUUID() };
    const body = { name: 'groq', value: VALUE };
    const made = await askAndRecord('POST', '/api/secrets', body, { headers });
    expect(made).toMatchObject({ status: 201, body: { name: 'groq', version: 1 } });
    const place = made.headers.get('location') ?? '';
    const repeated = await askAndRecord('POST', '/api/secrets', body, { headers });
    expect([repeated.status, repeated.body.version]).toEqual([201, 1]);
    expect(await askAndRecord('POST', '/api/secrets', body)).toMatchObject({
      status: 409,
      body: { code: 'HWCNF', field: 'name' },
    });
    const match = { headers: { 'if-match': made.headers.get('etag') ?? '' } };
    const second = await askAndRecord('PUT', place, { value: `${VALUE}-2` }, match);
    expect(second).toMatchObject({ status: 200, body: { name: 'groq', version: 2 } });
    expect((await askAndRecord('PUT', place, { value: `${VALUE}-3` }, match)).status).toBe(412);
    expect((await askAndRecord('GET', place)).body).toEqual(second.body);
    expect((await askAndRecord('GET', '/api/secrets?name=groq')).body.data).toEqual([second.body]);

    const model = await ask('POST', '/api/models', {
      name: 'llama',
      provider: 'groq',
      model: 'llama-3.3-70b-versatile',
      secret_name: 'groq',
    });
    expect(model.status).toBe(201);
    expect(await askAndRecord('DELETE', place)).toMatchObject({
      status: 409,
      body: { code: 'HWCNF' },
    });
    expect((await askAndRecord('DELETE', `${place}?force=true`, undefined, match)).status).toBe(
      412,
    );
    expect((await askAndRecord('DELETE', `${place}?force=true`)).status).toBe(204);
    expect((await askAndRecord('GET', place)).status).toBe(404);
    expect((await askAndRecord('PUT', place, { value: VALUE })).status).toBe(404);
    for (const { body: answer } of answers) {
      expect(JSON.stringify(answer)).not.toContain('nobody-may-see');
    }
    const stored = await all(db.pool, 'select answer::text from howdah_private.request_keys');
    expect(JSON.stringify(stored)).not.toContain('nobody-may-see');
  });

  test('two requests that create one secret at once make one', async () => {
    const create = () => ask('POST', '/api/secrets', { name: 'race', value: VALUE });
    const made = await Promise.all(Array.from({ length: 6 }, create));
    expect(made.map(({ status }) => status).toSorted()).toEqual([201, 409, 409, 409, 409, 409]);
    const found = await one(db.pool, `select version from howdah.secrets where name = 'race'`);
    expect(found.version).toBe(1);
  });

  test.each([
    [{ name: 'a b', value: 'x' }, 'name'],
    [{ name: 'a', value: ' ' }, 'value'],
    [{ name: 'a', value: 'x'.repeat(65_537) }, 'value'],
    [{ name: 'a' }, 'value'],
    [{ name: 'a', value: 7 }, 'value'],
  ])('a body such as %.40j is refused', async (body, field) => {
    const refused = await ask('POST', '/api/secrets', body);
    expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
  });

  test('only admins and owners write, and everybody sees that a secret exists', async () => {
    const { body } = await as('admin', 'POST', '/api/secrets', { name: 'ours', value: VALUE });
    for (const role of ['viewer', 'member']) {
      for (const [method, path, sent] of [
        ['POST', '/api/secrets', { name: 'theirs', value: VALUE }],
        ['PUT', `/api/secrets/${body.id}`, { value: VALUE }],
        ['DELETE', `/api/secrets/${body.id}`, undefined],
      ] as const) {
        const refused = await as(role, method, path, sent);
        expect([role, method, refused.status, refused.body.code]).toEqual([
          role,
          method,
          403,
          'HWDEN',
        ]);
      }
      expect((await as(role, 'GET', `/api/secrets/${body.id}`)).body.name).toBe('ours');
    }
  });
});

describe('hooks', () => {
  test('hooks are read, and only SQL of an owner writes one', async () => {
    await db.pool.query(`
      create function public.look(payload jsonb) returns jsonb language sql as 'select null::jsonb';
      grant execute on function public.look(jsonb) to howdah_tool;
      insert into howdah.hooks (event, function) values ('before_run', 'public.look')`);
    const { body } = await ask('GET', '/api/hooks?event=before_run');
    expect(body.data).toMatchObject([{ event: 'before_run', is_active: true }]);
    expect((await ask('GET', `/api/hooks/${body.data[0].id}`)).body).toEqual(body.data[0]);
    expect((await ask('POST', '/api/hooks', { event: 'before_run' })).status).toBe(405);
    expect((await ask('DELETE', `/api/hooks/${body.data[0].id}`)).status).toBe(405);
    await db.pool.query('delete from howdah.hooks');
  });
});

describe('the audit log', () => {
  test('is listed in pages, filtered, and read only by admins and owners', async () => {
    const made = await as('admin', 'POST', '/api/prompts', { name: 'audited', template: 'x' });
    await as('admin', 'PATCH', `/api/prompts/${made.body.id}`, { description: 'Seen.' });
    const about = `object=prompts&object_id=${made.body.id}`;
    for (const role of ['owner', 'admin']) {
      const { body } = await as(role, 'GET', `/api/audit-log?${about}`);
      expect(body.data).toMatchObject(
        [
          { action: 'update', object: 'prompts', changed: ['description'], client: /^rest / },
          { action: 'insert', object: 'prompts', object_id: made.body.id },
        ].map(({ client, ...entry }) => ({
          ...entry,
          ...(client && { client: expect.stringMatching(client) }),
        })),
      );
      expect(body.data[0].before_digest).toBe(body.data[1].after_digest);
    }
    for (const role of ['member', 'viewer']) {
      expect((await as(role, 'GET', '/api/audit-log')).body).toEqual({ data: [], next: null });
    }
    const first = await as('owner', 'GET', '/api/audit-log?limit=2');
    const next = await as('owner', 'GET', `/api/audit-log?limit=2&cursor=${first.body.next}`);
    const seqs = [...first.body.data, ...next.body.data].map(({ seq }) => seq);
    expect(seqs).toEqual([0, 1, 2, 3].map((n) => seqs[0] - n));
    const since = encodeURIComponent(made.body.created_at);
    const later = await as('owner', 'GET', `/api/audit-log?action=update&since=${since}&${about}`);
    expect(later.body.data).toHaveLength(1);
    expect((await as('owner', 'GET', `/api/audit-log?until=${since}&${about}`)).body.data).toEqual(
      [],
    );
  });

  test.each([
    ['since=yesterday', 'since'],
    ['user_id=me', 'user_id'],
    ['limit=0', 'limit'],
    ['cursor=x', 'cursor'],
    ['actors=x', 'actors'],
  ])('the query %s is refused', async (query, field) => {
    const refused = await ask('GET', `/api/audit-log?${query}`);
    expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
  });

  test('nobody writes or deletes entries', async () => {
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect((await ask(method, '/api/audit-log', {})).status).toBe(405);
    }
  });
});

describe('users', () => {
  test('an admin makes no owner, and a user is erased', async () => {
    const boss = await as('admin', 'POST', '/api/users', { username: 'boss', role: 'owner' });
    expect(boss).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
    const made = await as('admin', 'POST', '/api/users', { username: 'cleo' });
    const erase = (role: string, body?: object) =>
      as(role, 'POST', `/api/users/${made.body.id}/erase`, body);
    expect(await erase('member', {})).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
    expect(await erase('admin', { mode: 'burn' })).toMatchObject({
      status: 400,
      body: { field: 'mode' },
    });
    expect(await erase('admin', { mode: 'delete' })).toMatchObject({
      status: 200,
      body: { user_id: made.body.id, mode: 'delete' },
    });
    expect((await as('admin', 'GET', `/api/users/${made.body.id}`)).status).toBe(404);
  });
});

describe('limits', () => {
  test('only the value changes, and a limit of an owner of the database stays', async () => {
    const { body } = await ask('POST', '/api/limits', {
      metric: 'tokens',
      period: 'hour',
      max_value: 5,
    });
    expect(body.scope).toBe('tenant');
    expect(await ask('PATCH', `/api/limits/${body.id}`, { metric: 'cost' })).toMatchObject({
      status: 400,
      body: { field: 'metric', code: 'HWINV' },
    });
    await ask('DELETE', `/api/limits/${body.id}`);
    const imposed = await one<{ id: string }>(
      db.pool,
      `insert into howdah.limits (tenant_id, metric, period, max_value)
       values ($1, 'requests', 'day', 1e9) returning id`,
      [tenant],
    );
    const refused = await as('owner', 'PATCH', `/api/limits/${imposed.id}`, { max_value: 2e9 });
    expect(refused).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
    await db.pool.query('delete from howdah.limits');
    const system = await as('owner', 'POST', '/api/limits', {
      scope: 'system',
      metric: 'runs',
      period: 'day',
      max_value: 1,
    });
    expect(system).toMatchObject({ status: 403, body: { field: 'scope' } });
  });
});
