import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { sharesBackends } from '../../../src/db/connection/pooler-check.ts';
import { waitForServer } from '../../../src/db/connection/wait-for-server.ts';
import { dropMonths } from '../../../src/db/retention/drop-months.ts';
import { migrateDown } from '../../../src/db/schema/migrate.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import { runCli } from '../../cli/run-cli.ts';
import { makeRun, makeTenant } from '../../sql/support.ts';
import { noPgbouncer, type Pgbouncer, startPgbouncer } from '../../support/database/pgbouncer.ts';
import { createEmptyDatabase, testDatabase } from '../../support/database.ts';
import { ask, driveRun, followSteps, openSocket, startTestApi, until } from '../harness.ts';
import { tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

if (noPgbouncer) console.info(`not tried: ${noPgbouncer}`);

// All API requests share one server connection, which PgBouncer assigns to each transaction.
describe.runIf(!noPgbouncer)('behind a PgBouncer in transaction mode, with one connection', () => {
  const db = testDatabase();
  let pgbouncer: Pgbouncer;
  let api: ApiServer;
  const tenants: { id: string; token: string; runs: string[] }[] = [];

  beforeAll(async () => {
    pgbouncer = await startPgbouncer(db.url, 1);
    const masterKeys = createMasterKeys({ keys: [Buffer.alloc(32, 7)], file: undefined });
    api = await startTestApi(db.url, {
      ...{ ...tokenOptions, masterKeys, poolerUrl: pgbouncer.urlOf(db.url) },
      bounds: { waitMs: 300_000 }, // one connection is slow on a busy machine
    });
    for (const role of ['owner', 'admin']) {
      const id = await makeTenant(db.pool);
      const agent = `select id from howdah.agents where tenant_id = $1 and name = 'development'`;
      const runs = [];
      for (let turn = 0; turn < 3; turn += 1) {
        const { rows } = await db.pool.query(
          `insert into howdah.executions (tenant_id, agent_id, input) values ($1, (${agent}), 'mine') returning id`,
          [id],
        );
        runs.push(rows[0].id);
      }
      const token = await tokenFor(
        { sub: 'a', tenant_id: id, user_id: '' },
        { user_id: undefined, role },
      );
      tenants.push({ id, token, runs });
    }
  });
  afterAll(async () => {
    await api?.close();
    await pgbouncer?.stop();
  });

  const rest = async (token: string, method: string, path: string, body?: object) => {
    const response = await fetch(`${api.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text) };
  };

  test('two tenants that alternate over every endpoint see only their own rows', async () => {
    const own = `{ executions(first: 10) { nodes { id tenantId } } }`;
    const list = (token: string) => rest(token, 'GET', '/api/executions?limit=10');
    const round = async ({ id, token, runs }: (typeof tenants)[number]) => {
      const [graphql, page, made] = await Promise.all([
        ask(api, own, {}, token),
        list(token),
        rest(token, 'POST', '/api/prompts', {
          name: `p-${crypto.randomUUID()}`,
          template: 'Hello',
        }),
      ]);
      expect(graphql.errors).toEqual([]);
      const seen = graphql.data.executions.nodes;
      expect(new Set(seen.map((row: { tenantId: string }) => row.tenantId))).toEqual(new Set([id]));
      expect(seen.map((row: { id: string }) => row.id).sort()).toEqual([...runs].sort());
      expect(page.body.data.map((row: { id: string }) => row.id).sort()).toEqual([...runs].sort());
      expect(made.status).toBe(201);
    };
    const rounds = Array.from({ length: 10 }, () => tenants.map(round)).flat();
    await Promise.all(rounds);
    const { rows } = await db.pool.query(
      `select tenant_id, count(*)::int as prompts from howdah.prompts where name like 'p-%' group by 1`,
    );
    expect(rows.map(({ prompts }) => prompts)).toEqual([10, 10]);
    const pools = await pgbouncer.show('pools');
    const [pool] = pools.filter(({ database }) => db.url.includes(`${database}`));
    expect(pool).toMatchObject({ pool_mode: 'transaction', maxwait: expect.anything() });
    const servers = await pgbouncer.show('servers');
    expect(servers.filter(({ database }) => db.url.includes(`${database}`))).toHaveLength(1);
  });

  test('a request leaves nothing on the connection for the next request', async () => {
    for (const { token } of tenants) await ask(api, '{ agents { totalCount } }', {}, token);
    const { Client } = await import('pg');
    const client = new Client({ connectionString: pgbouncer.urlOf(db.url) });
    await client.connect();
    try {
      const { rows } = await client.query(
        `select current_setting('role') as role, current_setting('howdah.tenant_id', true) as tenant,
           current_setting('howdah.role', true) as person, current_setting('howdah.scopes', true) as scopes,
           current_setting('statement_timeout') as timeout, current_setting('timezone') as zone,
           current_setting('jit_optimize_above_cost')::float8 > 0 as jit,
           (select count(*)::int from pg_prepared_statements) as prepared,
           (select count(*)::int from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()) as locks`,
      );
      const zone = (await db.pool.query(`select current_setting('timezone') as zone`)).rows[0].zone;
      const none = { tenant: '', person: '', scopes: '', timeout: '0', prepared: 0, locks: 0 };
      expect(rows[0]).toEqual({ ...none, role: 'none', zone, jit: true });
    } finally {
      await client.end();
    }
  });

  test('mutations, secrets stored by a request, and errors work as without it', async () => {
    const [{ token }] = tenants as [(typeof tenants)[0]];
    const mutation = `mutation { createPrompt(input: { prompt: { name: "by-graphql", template: "x" } }) { prompt { name } } }`;
    expect((await ask(api, mutation, {}, token)).data).toEqual({
      createPrompt: { prompt: { name: 'by-graphql' } },
    });
    expect((await ask(api, mutation, {}, token)).errors[0]?.extensions.code).toBe('HWCNF');
    expect(
      (await rest(token, 'POST', '/api/prompts', { name: 'by-graphql', template: 'x' })).status,
    ).toBe(409);
    const secrets = Array.from({ length: 4 }, (_, index) =>
      ask(
        api,
        `mutation { setSecret(input: { name: "key-${index}", value: "sk-${index}" }) { secret { name } } }`,
        {},
        token,
      ),
    );
    expect((await Promise.all(secrets)).flatMap(({ errors }) => errors)).toEqual([]);
    const elsewhere = tenants[1]?.runs[0];
    expect((await rest(token, 'GET', `/api/executions/${elsewhere}`)).status).toBe(404);
    const models = await fetch(`${api.url}/v1/models`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(models.status).toBe(200);
  });

  test('subscriptions continue over a separate connection to the server', async () => {
    const [{ token, id: tenant_id }] = tenants as [(typeof tenants)[0]];
    const { rows } = await db.pool.query(
      `select id from howdah.agents where tenant_id = $1 and name = 'development'`,
      [tenant_id],
    );
    const id = await makeRun(db.pool, { tenant_id, agent_id: rows[0].id });
    const run = await driveRun(db.pool, id);
    const socket = openSocket(api, { authorization: `Bearer ${token}` });
    try {
      const followed = followSteps(socket, id);
      await run.steps(2);
      await until(() => followed.items.length === 2);
      await run.finish();
      expect(await followed.end).toBe('completed');
      expect(followed.errors).toEqual([]);
    } finally {
      await socket.client.dispose();
    }
  });

  test('the pooler login needs only the privileges of the API', async () => {
    const { pathname } = new URL(db.url);
    const login = `api_login_${pathname.slice(-12)}`;
    await db.pool.query(
      `create role ${login} login password 'secret' in role howdah_authenticator`,
    );
    const url = new URL(db.url);
    url.username = login;
    url.password = 'secret';
    const weak = await startPgbouncer(url.href, 2);
    const other = await startTestApi(db.url, { ...tokenOptions, poolerUrl: weak.urlOf(url.href) });
    try {
      for (const { id, token } of tenants) {
        const { data, errors } = await ask(
          other,
          '{ executions(first: 1) { nodes { tenantId } } }',
          {},
          token,
        );
        expect({ data, errors }).toEqual({
          data: { executions: { nodes: [{ tenantId: id }] } },
          errors: [],
        });
      }
    } finally {
      await other.close();
      await weak.stop();
      await db.pool.query(`drop role ${login}`);
    }
  });

  test.each([
    { way: 'rejects startup parameters', size: 1, more: [] },
    {
      ...{ way: 'ignores startup parameters', size: 3 },
      more: ['ignore_startup_parameters = options,extra_float_digits'],
    },
  ])('a pooler URL in place of the server URL is rejected: it $way', async (one) => {
    const between = await startPgbouncer(db.url, one.size, one.more);
    const url = between.urlOf(db.url);
    const refusal = {
      code: 'HWINV',
      message: `the server at ${new URL(url).host} is a pooler that does not allow startup parameters`,
      detail: { variable: 'DATABASE_DIRECT_URL', host: new URL(url).host },
    };
    const locks = `select count(*)::int as held from pg_locks where locktype = 'advisory' and database =
      (select oid from pg_database where datname = current_database()) and granted
      and classid::bigint << 32 | objid::bigint in (hashtextextended('howdah.months', 0), hashtextextended('howdah.migrate', 0))`;
    try {
      await expect(waitForServer(url, 0, () => {})).rejects.toMatchObject(refusal);
      await expect(dropMonths({ url })).rejects.toMatchObject(refusal);
      await expect(migrateDown(url, false)).rejects.toMatchObject(refusal);
      expect((await db.pool.query(locks)).rows[0].held).toBe(0);
      const doctor = await runCli(url, 'doctor', '--json');
      expect(doctor.status).toBe(1);
      expect(JSON.parse(doctor.stdout).items).toContainEqual(
        expect.objectContaining({ check: 'sessions', ok: false, found: refusal.message }),
      );
      const worker = await runCli(url, 'worker', '--once');
      expect(worker.status).not.toBe(0);
      expect(worker.stderr).toContain(refusal.message);
    } finally {
      await between.stop();
    }
  });

  test('a pooler that restores session settings is detected by two connections on one backend', async () => {
    expect(await sharesBackends(pgbouncer.urlOf(db.url), 'test')).toBe(true);
    expect(await sharesBackends(db.url, 'test')).toBe(false);
  });

  test('a pooler of another database is rejected at startup', async () => {
    const empty = await createEmptyDatabase();
    try {
      const poolerUrl = pgbouncer.urlOf(empty.url);
      await expect(startTestApi(db.url, { ...tokenOptions, poolerUrl })).rejects.toMatchObject({
        code: 'HWINV',
        message: 'DATABASE_URL and DATABASE_DIRECT_URL point to different databases',
      });
    } finally {
      await empty.drop();
    }
  });
});
