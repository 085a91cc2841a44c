import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { described } from '../../../src/cli/help/command-metadata.generated.ts';
import { allCommands } from '../../../src/cli/registry.ts';
import {
  createEmptyDatabase,
  createTestDatabase,
  type TestDatabase,
  testDatabase,
} from '../../support/database.ts';
import { runCli, runWithoutDatabase, startCli } from '../run-cli.ts';

const ID = '01a1f805-7e9f-729f-9dc6-14d018338ca2';

/** A typical command line of every command that connects to a database. */
const LINES: Record<string, string[]> = {
  start: ['--wait', '1s'],
  worker: ['--wait', '1s'],
  api: ['--wait', '1s'],
  migrate: ['status', '--wait', '1s'],
  demo: [],
  doctor: [],
  run: ['support', 'Hi'],
  'run-agent': ['--agent-id', ID, '--message', 'Hi'],
  chat: ['support'],
  watch: [ID],
  logs: [],
  top: [],
  whoami: [],
  runs: [],
  ls: ['agents'],
  show: [ID],
  explain: [ID],
  cancel: [ID],
  pause: [ID],
  resume: [ID],
  retry: [ID],
  fork: [ID, '--seq', '0'],
  'export-run': [ID],
  replay: [ID],
  questions: [],
  todo: [ID],
  answer: [ID, 'red'],
  approve: [ID],
  reject: [ID],
  agents: [],
  workflows: ['show', 'visit'],
  models: [],
  prompts: [],
  skills: [],
  kb: [],
  memories: [],
  dataset: [],
  eval: [],
  graders: [],
  'grading-rules': [],
  views: [],
  grants: [],
  limits: [],
  hooks: [],
  audit: [],
  tools: [],
  mcp: [],
  schedules: ['run', 'morning'],
  searches: [],
  webhooks: ['deliveries'],
  'inbound-hooks': ['deliveries'],
  integrations: [],
  alerts: [],
  queue: [],
  jobs: [],
  violations: [],
  approvals: [],
  policies: [],
  'retention-policies': [],
  filters: ['list'],
  settings: ['list'],
  sql: ['select 1'],
  psql: ['-c', 'select 1'],
  versions: ['support'],
  backup: ['never.dump'],
  restore: ['never.dump'],
  apply: ['examples/press.yaml'],
  validate: ['examples/press.yaml'],
  diff: ['examples/press.yaml'],
  export: [],
  import: ['fast-agent', 'test/fixtures/fast-agent/newsroom', '--apply'],
  secret: ['list'],
  token: ['--user', 'ada'],
  users: ['show', 'ada'],
  'export-user': ['ada'],
  'erase-user': ['ada', '--mode', 'delete', '--yes'],
  retention: [],
  'index-vectors': [],
  key: ['list'],
  generate: ['--executions', '1'],
  bench: ['guards'],
};
/** Commands that create the schema, or check whether it exists. */
const MAKERS = [
  'start',
  'worker',
  'api',
  'migrate',
  'demo',
  'doctor',
  'restore',
  'generate',
  'bench',
];

let db: TestDatabase;
let empty: TestDatabase;

beforeAll(async () => {
  [db, empty] = await Promise.all([createTestDatabase(), createEmptyDatabase()]);
  vi.stubEnv('HOWDAH_JWT_SECRET', 'a secret of at least thirty-two bytes');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([db.drop(), empty.drop()]);
});

function changeUrl(url: string, change: (parts: URL) => void): string {
  const parts = new URL(url);
  change(parts);
  return parts.toString();
}

/** Asserts that an error states the problem and the fix in one sentence each, without internals. */
function expectError(stderr: string, what: RegExp, fix: RegExp): void {
  expect(stderr).toMatch(what);
  const [, hint = ''] = /^ hint: (.*)$/m.exec(stderr) ?? [];
  expect(hint).toMatch(fix);
  expect(stderr).not.toMatch(/^\s+at |s3cret|node_modules/m);
}

test('every command that needs a database is listed in this file', () => {
  const names = allCommands
    .map(({ name }) => name)
    .filter(
      (name) =>
        !['db', 'chaos', 'completion', 'login', 'logout', 'open', 'profiles'].includes(name),
    );
  expect(Object.keys(LINES).sort()).toEqual(names.sort());
});

// concurrent, because some commands wait a second for a server
describe.concurrent.each(Object.entries(LINES))('howdah %s', (name, argv) => {
  test('with an invalid login exits 4', async () => {
    const url = changeUrl(db.url, (parts) => {
      parts.username = 'nobody';
      parts.password = 's3cret';
    });
    const { status, stdout, stderr } = await runCli(url, name, ...argv);
    expect({ status, stdout }).toEqual({ status: 4, stdout: '' });
    expectError(stderr, /rejected the login: .*nobody/, /user and the password in DATABASE_URL/);
  });

  test('with a missing database exits 8', async () => {
    const url = changeUrl(db.url, (parts) => {
      parts.pathname = '/nope';
    });
    const { status, stdout, stderr } = await runCli(url, name, ...argv);
    expect({ status, stdout }).toEqual({ status: 8, stdout: '' });
    expectError(stderr, /is reachable, but database "nope" does not exist/, /name of the database/);
  });

  test.runIf(!MAKERS.includes(name))(
    'with a database without a Howdah schema exits 3',
    async () => {
      const { status, stdout, stderr } = await runCli(empty.url, name, ...argv);
      expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
      expectError(stderr, /the database howdah_test\S* has no Howdah schema/, /howdah migrate up/);
    },
  );
});

describe('an unknown name or id exits 3 and names the command that lists them', () => {
  test.each([
    ...[
      'explain',
      'cancel',
      'pause',
      'resume',
      'retry',
      'watch',
      'show',
      'fork',
      'export-run',
      'replay',
    ].map((name): [string, RegExp] => [name, /^List them: howdah runs$/]),
    ...['answer', 'approve', 'reject'].map((name): [string, RegExp] => [
      name,
      /^List them: howdah questions$/,
    ]),
    ['versions', /^List the agents: howdah agents$/],
    ['workflows', /^List them: howdah dev workflows list$/],
    ['schedules', /^List them: howdah admin schedules list$/],
    ['users', /^List them: howdah admin users list$/],
    ['run-agent', /^List them: howdah agents list$/],
    ['run', /^The agents of this tenant: /],
    ['chat', /^The agents of this tenant: /],
    ['token', /Use --create to create the user/],
    ['export-user', /There are no users yet/],
    ['erase-user', /^List them: howdah admin users list$/],
  ])('howdah %s', async (name, fix) => {
    const { status, stdout, stderr } = await runCli(db.url, name, ...(LINES[name] ?? []));
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expectError(stderr, /^error: /, fix);
  });

  test.each(
    ['explain', 'cancel', 'watch', 'show', 'fork', 'export-run', 'answer', 'approve', 'reject'].map(
      (name) => [name],
    ),
  )('howdah %s with a malformed id exits 2 without a connection to a database', async (name) => {
    const argv = (LINES[name] ?? []).map((word) => (word === ID ? '4711' : word));
    const { status, stderr } = await runCli('postgres://me:s3cret@127.0.0.1:1/x', name, ...argv);
    expect(status).toBe(2);
    expectError(stderr, /^error: 4711 is not the id of/, /An id looks like/);
  });
});

/** Commands that run on this machine, independent of the server. */
const HERE = ['start', 'worker', 'api', 'migrate', 'demo'];

describe.concurrent('a named server is used, or the command reports that it needs a database', () => {
  const server = 'http://127.0.0.1:1';
  const database = 'postgres://me:s3cret@127.0.0.1:1/x';
  // makes a database of its own
  const asking = Object.entries(LINES).filter(([name]) => name !== 'bench');
  const asksQuestion = (name: string, argv: string[]) => {
    const { verbs, options } = described[name] ?? {};
    const verb = verbs?.find((one) => one.name === argv[0]) ?? verbs?.find((one) => one.isFirst);
    return (verb?.options ?? options)?.some(({ written }) => written === '--api <url>');
  };
  beforeAll(() => {
    vi.stubEnv('HOWDAH_API_URL', server);
    vi.stubEnv('DATABASE_URL', database);
    vi.stubEnv('XDG_CONFIG_HOME', join(import.meta.dirname, 'nowhere'));
  });
  afterAll(() => {
    vi.unstubAllEnvs();
    vi.stubEnv('HOWDAH_JWT_SECRET', 'a secret of at least thirty-two bytes');
  });

  test.each(asking)('howdah %s', async (name, argv) => {
    const { status, stdout, stderr } = await runWithoutDatabase('', name, ...argv);
    expect(stdout).toBe('');
    if (HERE.includes(name)) {
      expect(status).toBe(8);
      expectError(stderr, /^error: No server answers at 127\.0\.0\.1:1\.$/m, /Check DATABASE_URL/);
    } else if (asksQuestion(name, argv)) {
      expect(status).toBe(8);
      expectError(stderr, /http:\/\/127\.0\.0\.1:1 cannot be reached/, /Check the address/);
    } else {
      expect(status).toBe(2);
      expectError(
        stderr,
        /this command needs a database, but HOWDAH_API_URL selects the API of http/,
        /--profile none/,
      );
    }
  });

  test.each(Object.entries(LINES))(
    'howdah --database-url URL %s without a server there exits 8',
    async (name, argv) => {
      const { status, stdout, stderr } = await runCli(database, name, ...argv);
      expect({ status, stdout }).toEqual({ status: 8, stdout: '' });
      expectError(stderr, /^error: No server answers at 127\.0\.0\.1:1\.$/m, /Check DATABASE_URL/);
    },
  );

  test.each(asking)('howdah --profile none %s', async (name, argv) => {
    const { status, stderr } = await runWithoutDatabase('', '--profile', 'none', name, ...argv);
    expect(status).toBe(8);
    expect(stderr).toMatch(/No server answers at 127\.0\.0\.1:1/);
  });
});

test('an empty standard input is neither a message nor a secret value', async () => {
  const run = await runCli(db.url, 'run', 'development', '-');
  expect(run).toMatchObject({ status: 2, stdout: '' });
  expectError(run.stderr, /standard input is empty/, /Pipe a text/);
  const secret = await runCli(db.url, 'secret', 'set', 'x');
  expect(secret).toMatchObject({ status: 2, stdout: '' });
  expectError(secret.stderr, /value.* is empty/, /standard input/);
});

test('a message with invalid text exits 2', async () => {
  const cli = startCli(db.url, 'run', 'development', '-');
  cli.type('a\0b');
  expect(await cli.end()).toMatchObject({ status: 2, stdout: '' });
});

test('a reader that closes the pipe early causes no error', async () => {
  const bin = join(import.meta.dirname, '../../../bin/howdah');
  const child = spawn('sh', ['-c', `"$NODE" "${bin}" agents --json | head -c 1`], {
    env: { ...process.env, NODE: process.execPath, DATABASE_URL: db.url },
  });
  let stderr = '';
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const status = await new Promise((resolve) => child.on('exit', resolve));
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

describe('a schema newer than the program', () => {
  const newer = testDatabase();
  beforeAll(async () => {
    await newer.pool.query(`
      insert into howdah_private.migrations (name, run_on) values ('9999_later', now());
      update howdah_private.applied_sql set digest = 'later'`);
  });

  test('is left unchanged, and is usable', async () => {
    expect(await runCli(newer.url, 'agents')).toMatchObject({ status: 0, stderr: '' });
    const { rows } = await newer.pool.query(
      'select distinct digest from howdah_private.applied_sql',
    );
    expect(rows).toEqual([{ digest: 'later' }]);
  });

  test.each([[['up']], [['down']], [['down', '--all', '--yes']]])(
    'rejects migrate %j',
    async (argv) => {
      const { status, stdout, stderr } = await runCli(newer.url, 'migrate', ...argv);
      expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
      expectError(stderr, /newer than this program/, /9999_later/);
    },
  );

  test('is reported by migrate status and doctor', async () => {
    expect((await runCli(newer.url, 'migrate', 'status')).stdout).toMatch(/^newer {3}9999_later$/m);
    const { status, stdout } = await runCli(newer.url, 'doctor');
    expect(status).toBe(1);
    expect(stdout).toMatch(/BAD {2}migrations .*of which 1 belong to a newer release/);
  });
});
