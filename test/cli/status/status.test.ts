import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { main } from '../../../src/cli/main.ts';
import { type Status, unknownStatus } from '../../../src/cli/status/status.ts';
import { suggestNextCommands } from '../../../src/cli/status/suggest-next.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { one } from '../../sql/support.ts';
import {
  createEmptyDatabase,
  createTestDatabase,
  type TestDatabase,
} from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { type CliResult, runCli, runWithoutDatabase } from '../run-cli.ts';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const UUID = '[0-9a-f-]{36}';
const folder = mkdtempSync(join(tmpdir(), 'howdah-standing-'));
const home = join(folder, 'home');
let db: TestDatabase;
let empty: TestDatabase;
let worker: Worker;
let api: ApiServer;

beforeAll(async () => {
  for (const name of ['DATABASE_URL', 'HOWDAH_API_URL', 'HOWDAH_API_KEY', 'HOWDAH_PROFILE']) {
    vi.stubEnv(name, '');
  }
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  vi.stubEnv('HOWDAH_HOME', home);
  [db, empty] = await Promise.all([createTestDatabase(), createEmptyDatabase()]);
  [worker, api] = await Promise.all([startTestWorker(db.url), startTestApi(db.url)]);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([worker?.stop(0), api?.close()]);
  await Promise.all([db?.drop(), empty?.drop()]);
});

async function readStatus(url: string, ...argv: string[]) {
  const { status, stdout, stderr } = await runCli(url, ...argv, '--json');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout) as Status & { next: { command: string; why: string }[] };
}
const commandsOf = ({ next }: { next: { command: string }[] }) => next.map((one) => one.command);
const makeNamedAgent = async (script: object[], tools: string[] = []) => {
  const id = await makeAgent(db.pool, { script: script as [], tools });
  return (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name as string;
};

/** Runs a command at a terminal with a short timeout. */
async function impatient(...argv: string[]): Promise<CliResult & { left: number | undefined }> {
  let left: number | undefined;
  const stdout = new PassThrough({ encoding: 'utf8' });
  const stderr = new PassThrough({ encoding: 'utf8' });
  const ended = Promise.withResolvers<void>();
  const exit = (status: number) => {
    left = status;
    ended.resolve();
  };
  const host = Object.assign(new EventEmitter(), { stdout, stderr, exit, patienceMs: 50 });
  const status = await main(argv, host);
  await ended.promise;
  return { status, stdout: stdout.read() ?? '', stderr: stderr.read() ?? '', left };
}

describe('howdah without a command', () => {
  test('explains how to begin on a fresh machine and creates nothing', async () => {
    expect(await runWithoutDatabase('')).toEqual({
      status: 0,
      stdout: `database  none yet

  howdah start   run the API and a worker with an embedded PostgreSQL; set DATABASE_URL to use your own
  howdah demo    run a demo: an agent answers the tickets of a small shop
  howdah --help  list all commands
`,
      stderr: '',
    });
    expect(existsSync(home)).toBe(false);
  });

  test('does not start an embedded server that is stopped', async () => {
    mkdirSync(join(folder, 'old', 'postgres'), { recursive: true });
    writeFileSync(join(folder, 'old', 'postgres', 'PG_VERSION'), '18\n');
    vi.stubEnv('HOWDAH_HOME', join(folder, 'old'));
    try {
      const { stdout } = await runWithoutDatabase('');
      expect(stdout).toMatch(/^database {2}embedded PostgreSQL, stopped\n\n {2}howdah start /);
    } finally {
      vi.stubEnv('HOWDAH_HOME', home);
    }
  });

  test('reports schema, workers, runs, questions and suggested next commands', async () => {
    const call = { name: 'ask_user', arguments: { question: 'Which colour?' }, id: 'q1' };
    const asker = await makeNamedAgent(
      [{ tool_calls: [call] }, { content: 'Painted.' }],
      ['ask_user'],
    );
    const broken = await makeNamedAgent([{ error: { status: 400, message: 'no such thing' } }]);
    expect((await runCli(db.url, 'run', broken, 'Hi')).status).toBe(6);
    expect((await runCli(db.url, 'run', asker, 'Paint it')).status).toBe(7);
    const now = await readStatus(db.url);
    expect(now).toEqual({
      server: null,
      database: {
        is_embedded: false,
        address: `${new URL(db.url).host}${new URL(db.url).pathname}`,
        state: 'ready',
      },
      problem: null,
      schema: { applied: expect.any(Number), pending: 0, newer: 0, sql: 'current' },
      tenant: 'default',
      workers: { alive: expect.any(Boolean), count: expect.any(Number) },
      model: { provider: expect.any(String), model: expect.any(String) },
      runs: {
        ...{ queued: 0, running: 0, waiting: 1, paused: 0 },
        ...{ failed: 1, newest_failed: expect.stringMatching(UUID), agent: asker, has_llm: true },
      },
      questions: {
        open: 1,
        newest: { id: expect.stringMatching(UUID), kind: 'question', prompt: 'Which colour?' },
      },
      alerts: {
        critical: expect.any(Number),
        warning: expect.any(Number),
        worst: now.alerts?.worst ?? null,
      },
      next: expect.any(Array),
    });
    expect(now.next[0]).toEqual({
      command: `howdah answer ${now.questions?.newest?.id} TEXT`,
      why: 'a run asks: Which colour?',
    });
    const { stdout } = await runCli(db.url);
    expect(stdout).toMatch(/^runs {7}1 waiting, 1 failed in the last day$/m);
    expect(stdout).toMatch(/^questions {2}1 open$/m);
    expect(stdout.match(/^ {2}howdah /gm)).toHaveLength(3);
  });

  test('shows a tenant login its own tenant only', async () => {
    const login = `howdah_test_${randomBytes(6).toString('hex')}`;
    await db.pool.query(`create role ${login} login password 'secret'; grant howdah_app to ${login};
      insert into howdah.tenants (slug, name) values ('acme', 'Acme')`);
    try {
      await db.pool.query(
        `insert into howdah_private.login_tenants (login, tenant_id, role) select $1, t.id, 'member' from howdah.tenants as t where t.slug = 'acme'`,
        [login],
      );
      const url = Object.assign(new URL(db.url), { username: login, password: 'secret' });
      expect(await readStatus(url.toString())).toMatchObject({
        ...{ tenant: 'acme', schema: null, alerts: null, workers: { count: null } },
        ...{ runs: { waiting: 0, failed: 0, agent: null }, questions: { open: 0, newest: null } },
        problem: null,
      });
    } finally {
      await db.pool.query(`drop owned by ${login}; drop role ${login}`);
    }
  });

  test('names the command that creates a missing schema and creates none', async () => {
    const now = await readStatus(empty.url);
    expect(now).toMatchObject({ database: { state: 'empty' }, schema: null, problem: null });
    expect(commandsOf(now)).toEqual(['howdah migrate up', 'howdah start', 'howdah --help']);
    const { rows } = await empty.pool.query(`select from pg_namespace where nspname ~ '^howdah'`);
    expect(rows).toEqual([]);
  });

  test('reports an unreachable server or a rejected login without the password', async () => {
    const absent = await runCli('postgres://me:s3cret@127.0.0.1:1/x');
    expect(absent).toMatchObject({ status: 0, stderr: '' });
    expect(absent.stdout).toMatch(
      /^database {2}127\.0\.0\.1:1\/x, unreachable\nproblem {3}No server answers at 127\.0\.0\.1:1\.\n/,
    );
    const url = Object.assign(new URL(db.url), { username: 'nobody', password: 's3cret' });
    const refused = await runCli(url.toString());
    expect(refused).toMatchObject({ status: 0, stderr: '' });
    expect(refused.stdout).toMatch(/^database .*, login rejected\nproblem {3}.*nobody/);
    expect(absent.stdout + refused.stdout).not.toContain('s3cret');
  });

  test('times out when a database or a server does not answer', async () => {
    const silent = createServer();
    const sockets = new Set<import('node:net').Socket>();
    silent.on('connection', (socket) => sockets.add(socket.on('error', () => {})));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as import('node:net').AddressInfo;
    try {
      const result = await impatient('--database-url', `postgres://me@127.0.0.1:${port}/x`);
      expect(result).toMatchObject({ status: 0, stderr: '', left: 0 });
      expect(result.stdout).toMatch(/unreachable\nproblem {3}no further answer within 0\.05 s\n/);
      vi.stubEnv('HOWDAH_API_URL', `http://127.0.0.1:${port}`);
      expect((await impatient()).stdout).toMatch(/^server .*unreachable\nproblem {2}no further/);
    } finally {
      vi.stubEnv('HOWDAH_API_URL', '');
      for (const socket of sockets) socket.destroy();
      silent.close();
    }
  });

  test('queries the server of howdah login over REST', async () => {
    vi.stubEnv('HOWDAH_API_URL', api.url);
    try {
      const { status, stdout } = await runWithoutDatabase('', '--json');
      const now = JSON.parse(stdout);
      expect({ status, ...now }).toMatchObject({
        ...{ status: 0, server: { url: api.url, profile: null, state: 'ready' } },
        ...{ database: null, problem: null, runs: { waiting: 1, failed: 1, has_llm: null } },
        questions: { open: 1, newest: { kind: 'question', prompt: 'Which colour?' } },
      });
      expect(commandsOf(now)[0]).toMatch(new RegExp(`^howdah answer ${UUID} TEXT$`));
      const here = await readStatus(db.url);
      expect(here.server).toBeNull(); // --database-url takes precedence
    } finally {
      vi.stubEnv('HOWDAH_API_URL', '');
    }
  });

  test('reports that the server rejected the login', async () => {
    const guarded = await startTestApi(db.url, tokenOptions);
    vi.stubEnv('HOWDAH_API_URL', guarded.url);
    try {
      const { status, stdout } = await runWithoutDatabase('');
      expect(status).toBe(0);
      expect(stdout).toMatch(/^server .*, login rejected\nproblem/);
      expect(stdout).toContain(`howdah admin login ${guarded.url}`);
    } finally {
      vi.stubEnv('HOWDAH_API_URL', '');
      await guarded.close();
    }
  });

  test('rejects an unknown option and an unknown value', async () => {
    expect((await runCli(db.url, '--nope')).status).toBe(2);
    expect((await runCli(db.url, '-o', 'xml')).status).toBe(2);
  });
});

describe('suggested next commands', () => {
  const database = { is_embedded: false, address: 'db:5432/x', state: 'ready' } as const;
  const runs = {
    ...{ queued: 0, running: 0, waiting: 0, paused: 0, failed: 0 },
    ...{ newest_failed: null, agent: null, has_llm: true },
  };
  const schema = { applied: 9, pending: 0, newer: 0, sql: 'current' } as const;
  const fine = { database, schema, runs, workers: { alive: true, count: 1 } };
  const question = (kind: string) => ({ open: 2, newest: { id: 'ID', kind, prompt: 'May\nI?' } });

  test.each<[string, Partial<Status>, string[]]>([
    [
      'everything works and no run exists yet',
      fine,
      ['run development "Hello"', 'chat development', 'runs'],
    ],
    [
      'no worker is alive and no run is queued',
      { ...fine, workers: { alive: false, count: 0 } },
      ['run development "Hello"', 'chat development', 'start'],
    ],
    [
      'runs are active',
      { ...fine, runs: { ...runs, running: 2, agent: "Ann's desk" } },
      ['watch', `run 'Ann'\\''s desk' "Hello"`, `chat 'Ann'\\''s desk'`],
    ],
    [
      'runs wait for a worker, and one has failed',
      {
        ...fine,
        ...{ workers: { alive: false, count: 0 } },
        runs: { ...runs, queued: 1, newest_failed: 'ID' },
      },
      ['worker', 'explain ID', 'runs retry ID'],
    ],
    [
      'a call waits for approval, beside other questions',
      { ...fine, questions: question('approval') },
      ['approve ID', 'questions', 'run development "Hello"'],
    ],
    [
      'migrations are pending',
      { ...fine, schema: { ...schema, pending: 1, sql: 'outdated' } },
      ['migrate up', 'admin backup', 'run development "Hello"'],
    ],
    [
      'the schema is newer than this release',
      { ...fine, schema: { ...schema, newer: 1, sql: 'outdated' } },
      ['migrate status', 'run development "Hello"', 'chat development'],
    ],
    [
      'an alert is critical',
      { ...fine, alerts: { critical: 1, warning: 0, worst: 'x' } },
      ['admin alerts --now', 'run development "Hello"', 'chat development'],
    ],
    [
      'only commands that work over an API are available',
      {
        ...{ server: { url: 'http://h', profile: 'p', state: 'ready' }, runs },
        questions: question('approval'),
      },
      ['answer ID approve', 'run development "Hello"', '--help'],
    ],
  ])('when %s', (_, facts, commands) => {
    const next = suggestNextCommands({ ...unknownStatus(), ...facts });
    expect(next.map(({ command }) => command.replace(/^howdah /, ''))).toEqual(commands);
    expect(next.every(({ why }) => why !== '' && !why.includes('\n'))).toBe(true);
  });

  test('an API key for a model is suggested where none is set', () => {
    const model = { provider: 'local', model: 'extractive' };
    const facts = { ...unknownStatus(), ...fine, model, runs: { ...runs, has_llm: false } };
    expect(suggestNextCommands(facts)[0]?.command).toBe('OPENAI_API_KEY=… howdah start');
    const has = { ...facts, runs };
    expect(suggestNextCommands(has)[0]?.command).toBe('howdah run development "Hello"');
  });
});
