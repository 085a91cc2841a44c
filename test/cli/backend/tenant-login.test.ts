import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli, startCli } from '../run-cli.ts';

/**
 * Logins without maintenance rights: an admin and a viewer of tenant acme, a login with the rights
 * of the application but without a tenant, and a login without any rights.
 */
const logins = { admin: '', viewer: '', nobody: '', stranger: '' };
const db = testDatabase();
let worker: Worker | undefined;

beforeAll(async () => {
  worker = await startTestWorker(db.url);
  await db.pool.query(`
    insert into howdah.tenants (slug, name) values ('acme', 'Acme');
    insert into howdah.users (tenant_id, username, role) select id, 'ada', 'admin' from howdah.tenants where slug = 'acme'`);
  const { rows } = await db.pool.query(`select id from howdah.tenants where slug = 'acme'`);
  for (const role of ['admin', 'viewer', 'nobody', 'stranger'] as const) {
    const login = `howdah_test_${randomBytes(6).toString('hex')}`;
    await db.pool.query(`create role ${login} login password 'secret'`);
    logins[role] = login;
    if (role === 'stranger') continue;
    await db.pool.query(`grant howdah_app to ${login}`);
    if (role === 'nobody') continue;
    await db.pool.query(
      'insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, $3)',
      [login, rows[0].id, role],
    );
  }
  await db.pool.query(
    `insert into howdah.models (tenant_id, name, provider, model) values ('${rows[0].id}', 'script', 'scripted', 'script');
     insert into howdah.agents (tenant_id, name, human_input) values ('${rows[0].id}', 'greeter', false), ('${rows[0].id}', 'asking', true)`,
  );
  await db.pool.query(
    `insert into howdah.agent_models (tenant_id, agent_id, model_id, request_params)
     select a.tenant_id, a.id, m.id, jsonb_build_object('script', s.script)
     from howdah.agents as a join howdah.models as m on m.tenant_id = a.tenant_id and m.name = 'script'
     join (values ('greeter', '[{"content": "Hello there"}]'::jsonb),
       ('asking', '[{"tool_calls": [{"name": "ask_user", "arguments": {"question": "Which colour?"}}]},
         {"content": "Thank you"}]')) as s (name, script) on s.name = a.name
     where a.tenant_id = $1`,
    [rows[0].id],
  );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await worker?.stop(0);
  const names = Object.values(logins);
  await db.pool.query(`drop owned by ${names.join(', ')}; drop role ${names.join(', ')}`);
});

function urlOf(login: keyof typeof logins): string {
  const url = new URL(db.url);
  url.username = logins[login];
  url.password = 'secret';
  return url.toString();
}
const as = (login: keyof typeof logins, ...argv: string[]) => runCli(urlOf(login), ...argv);

describe('a login bound to one tenant', () => {
  test('runs agents, and sees only its own runs', async () => {
    const run = await as('admin', 'run', 'greeter', 'Hi');
    expect({ ...run, stderr: '' }).toEqual({ status: 0, stdout: 'Hello there\n', stderr: '' });
    const [, id = ''] = /^execution (\S+)$/m.exec(run.stderr) ?? [];
    expect((await as('admin', 'show', id)).stdout).toContain('output    Hello there');
    expect((await as('admin', 'show', id, '--tree')).stdout).toContain(id);
    expect(await as('admin', 'watch', id)).toMatchObject({ status: 0, stdout: 'Hello there\n' });
    expect((await as('admin', 'executions')).stdout).toContain(id);
    expect((await as('viewer', 'executions')).stdout).toContain(id);
    expect((await as('admin', 'agents')).stdout).toContain('greeter');
    expect(JSON.stringify(JSON.parse((await as('admin', 'export-run', id)).stdout))).toContain(id);
    expect(await as('admin', 'replay', id)).toMatchObject({ status: 0 });
    expect((await as('admin', 'fork', id, '--seq', '0')).stdout).toBe('Hello there\n');
    const { rows } = await db.pool.query(`select (howdah.run('development', 'x')).id`);
    expect(await as('admin', 'show', rows[0].id)).toMatchObject({ status: 3 });
  });

  test('answers questions of runs', async () => {
    const { status, stderr } = await as('admin', 'run', 'asking', 'Hi');
    expect(status).toBe(7);
    const [, question = ''] = /howdah answer (\S+)/.exec(stderr) ?? [];
    const [, id = ''] = /^execution (\S+)$/m.exec(stderr) ?? [];
    expect((await as('admin', 'questions')).stdout).toContain(question);
    expect(await as('admin', 'answer', question, 'red')).toMatchObject({ status: 0 });
    expect(await as('admin', 'watch', id)).toMatchObject({ status: 0, stdout: 'Thank you\n' });
  });

  test('chats with an agent', async () => {
    const chat = startCli(urlOf('admin'), 'chat', 'greeter');
    await vi.waitFor(() => expect(chat.stderr()).toContain('session '), 60_000);
    chat.type('Hi');
    await vi.waitFor(() => expect(chat.stdout()).toContain('Hello there'), 60_000);
    expect(await chat.end()).toMatchObject({ status: 0 });
  });

  test('pauses, resumes and cancels its runs', async () => {
    const id = (
      await as('admin', 'run', 'greeter', 'Hi', '--detach', '--at', '2999-01-01')
    ).stdout.trim();
    expect((await as('admin', 'pause', id)).stdout).toContain('paused');
    expect((await as('admin', 'resume', id)).stdout).toContain('queued');
    expect((await as('admin', 'cancel', id)).stdout).toContain('cancelled');
  });

  test('creates, lists and revokes keys, and sees users and secrets of its tenant', async () => {
    const made = JSON.parse((await as('admin', 'key', 'create', 'ci', '--json')).stdout);
    expect((await as('admin', 'key', 'list')).stdout).toMatch(/ci +acme/);
    expect(await as('admin', 'key', 'revoke', made.id, '--yes')).toMatchObject({ status: 0 });
    expect(await as('admin', 'secret', 'list')).toMatchObject({ status: 0 });
    expect((await as('admin', 'export-user', 'ada')).status).toBe(0);
    vi.stubEnv('HOWDAH_JWT_SECRET', 'a secret of at least thirty-two bytes');
    expect(await as('admin', 'token', '--user', 'ada')).toMatchObject({ status: 0, stderr: '' });
    vi.unstubAllEnvs();
  });

  test.each([[['run', 'greeter', 'Hi']], [['key', 'create', 'ci']]])(
    'as viewer is denied %j, since its login only reads',
    async (argv) => {
      const { status, stdout, stderr } = await as('viewer', ...argv);
      expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
      expect(stderr).toMatch(
        /has no permission: .*\n hint: .* bound as a viewer, which only reads/,
      );
    },
  );

  test.each([
    [['migrate', 'up']],
    [['migrate', 'status']],
    [['migrate', 'down', '--yes']],
    [['doctor']],
    [['doctor', '--audit']],
    [['worker']],
    [['start']],
    [['demo']],
    [['secret', 'rotate']],
  ])('is denied %j, which requires an owner', async (argv) => {
    const { status, stdout, stderr } = await as('admin', ...argv);
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expect(stderr).toMatch(/^error: the login howdah_test_\w+ .*\n hint: Use an owner.*\n$/m);
  });

  test('is denied generating test data and storing secrets, too', async () => {
    const made = await as('admin', 'generate', '--executions', '1');
    expect(made).toMatchObject({ status: 4, stdout: '' });
    expect(made.stderr).toContain('only an owner of the database may');
    const set = startCli(urlOf('admin'), 'secret', 'set', 'x');
    set.type('s3cret');
    const { status, stderr } = await set.end();
    expect(status).toBe(4);
    expect(stderr).toContain('Use an owner');
    expect(stderr).not.toContain('s3cret');
  });

  test('waits when no worker runs, with a message', async () => {
    await worker?.stop(0);
    worker = undefined;
    const run = startCli(urlOf('admin'), 'run', 'greeter', 'Hi');
    await vi.waitFor(
      () => expect(run.stderr()).toContain('until an owner of the database starts one'),
      60_000,
    );
    run.interrupt();
    expect(await run.end()).toMatchObject({ status: 130, stdout: '' });
  });
});

describe('a login bound to no tenant', () => {
  test.each([
    [['run', 'greeter', 'Hi'], 3, /acts for no tenant/],
    [['key', 'create', 'ci'], 4, /acts for no tenant/],
    [['secret', 'list'], 0, /^No secrets\./m],
    [['agents'], 0, /^No agents\.$/m],
  ])('%j', async (argv, expected, words) => {
    const { status, stderr } = await as('nobody', ...(argv as string[]));
    expect({ status, stderr }).toEqual({ status: expected, stderr: expect.stringMatching(words) });
  });
});

test('a login without a Howdah role is rejected with a hint about both kinds of logins', async () => {
  const { status, stdout, stderr } = await as('stranger', 'executions');
  expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
  expect(stderr).toMatch(/ hint: Use an owner of the database, or a login in howdah_app/);
});

test('a guest gets an error if the schema does not match the program', async () => {
  await db.pool.query(
    'alter function howdah_private.execution_row(uuid) rename to execution_row_of_before',
  );
  const { status, stdout, stderr } = await as(
    'admin',
    'show',
    '01a1f805-7e9f-729f-9dc6-14d018338ca2',
  );
  await db.pool.query(
    'alter function howdah_private.execution_row_of_before(uuid) rename to execution_row',
  );
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
  expect(stderr).toMatch(
    /the schema does not match this program.*\n hint: .*howdah migrate status/,
  );
});
