import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import {
  findFullPostgres,
  startFullServer,
} from '../../../deploy/rehearsals/support/full-servers.ts';
import { allCommands } from '../../../src/cli/registry.ts';
import { startInFolder, withDatabase } from '../../support/server.ts';
import { type CliResult, runCli, runWithoutDatabase, startCli } from '../run-cli.ts';
import { SCRIPTED_AGENTS } from '../scripted-agents.ts';

// Runs every command as an owner of the database who is not a superuser (CREATEROLE, CREATEDB), and
// in the nightly tests the same commands as a superuser. The test starts its own server, since
// roles belong to the server and are created by the login that migrates first. It uses pg_dump and
// psql where they are installed.

const pgBin = findFullPostgres();

/** Commands that this test does not run, with the reason. */
const ELSEWHERE: Record<string, string> = {
  backup: 'needs bypassrls: the test below',
  restore: 'takes a backup of somebody else: the test below',
  bench: 'makes databases for a minute: package.test.ts runs it as such a login',
  chaos: 'starts a server of its own and takes no login',
};

/** Command lines that exit with a code other than 0 for every login, with the code. */
const REFUSED: Record<string, number> = {
  'run broken Hi': 6,
  'run careful What is 6 * 7?': 7,
  'run asker Paint it': 7,
};

/**
 * Command lines that use no database, or programs that are not installed here. They behave equally
 * for every login.
 */
const NOT_HERE = ['profiles', 'logout', 'login', 'open', ...(pgBin ? [] : ['psql -c'])];

let server: { url: string; stop(): Promise<void> };
let folder: string;
let admin: pg.Pool;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'howdah-owner-'));
  vi.stubEnv('PORT', '0');
  vi.stubEnv('HOWDAH_JWT_SECRET', 'a secret of at least thirty-two bytes');
  vi.stubEnv('HOWDAH_SECRET_KEY', randomBytes(32).toString('base64'));
  server = pgBin ? await startFullServer(pgBin) : await startInFolder();
  admin = new pg.Pool({ connectionString: server.url, max: 2 });
  admin.on('error', () => {});
  await admin.query(
    `create role plain nosuperuser createrole createdb login password 'secret'; grant connect on database howdah to plain`,
  );
  for (const name of ['mine', 'kept', 'my_copy'])
    await admin.query(`create database ${name} owner plain`);
  for (const name of ['theirs', 'whole', 'their_copy'])
    await admin.query(`create database ${name}`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await admin?.end();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** Returns the URL of a database for the owner who is not a superuser. */
const plain = (database: string) => {
  const url = new URL(withDatabase(server.url, database));
  return Object.assign(url, { username: 'plain', password: 'secret' }).toString();
};

const AGENTS = `${SCRIPTED_AGENTS};
  insert into howdah.workflows (name, type) values ('visit', 'chain');
  insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order) values (howdah.workflow('visit'), howdah.agent('greeter'), 1)`;

/**
 * Runs every command once, in a sensible order, with the login of the URL. Returns each result by
 * its command line without ids.
 */
async function walk(url: string, name: string): Promise<Map<string, CliResult>> {
  const found = new Map<string, CliResult>();
  const note = (words: string, result: CliResult) => {
    found.set(words, result);
    return result;
  };
  const cli = async (...argv: string[]) => note(argv.join(' '), await runCli(url, ...argv));
  /** Runs a command whose arguments differ between databases, and records it under `words`. */
  const about = async (words: string, ...argv: string[]) =>
    note(words, await runCli(url, ...words.split(' '), ...argv));
  const typed = async (words: string, ...lines: string[]) => {
    const started = startCli(url, ...words.split(' '));
    for (const line of lines) started.type(line);
    return note(words, await started.end());
  };
  const ids = async (text: string) => {
    const { stdout } = await runCli(url, 'sql', text, '--json');
    return JSON.parse(stdout).items.map((row: { id: string }) => row.id) as string[];
  };
  const newest = async (condition = 'true') =>
    (
      await ids(`select id from howdah.executions where ${condition} order by id desc limit 1`)
    )[0] ?? '';
  const question = async () =>
    (
      await ids(`select id from howdah.questions where status = 'open' order by id desc limit 1`)
    )[0] ?? '';

  await cli('migrate', 'up');
  await cli('migrate', 'status');
  await cli('migrate', 'down', '--yes');
  await runCli(url, 'migrate', 'up');
  await cli('db', 'url');
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(AGENTS).finally(() => client.end());
  await cli('run', 'greeter', 'Hi');
  const done = await newest(`status = 'completed'`);
  await cli('run', 'broken', 'Hi');
  await about('retry', await newest(`status = 'failed'`));
  await cli('run', 'asker', 'Paint it');
  await about('answer', await question(), 'blue');
  for (const verdict of ['approve', 'reject']) {
    await cli('run', 'careful', 'What is 6 * 7?');
    await about(verdict, await question());
  }
  const { stdout: agent } = await cli('agents', 'show', 'greeter', '--json');
  await about('run-agent', '--agent-id', JSON.parse(agent).id, '--message', 'Hi');
  await typed('chat greeter', 'Hi');
  await about('show', done);
  await about('explain', done);
  await about('watch', done);
  await about('fork --seq 0', done);
  await about('export-run', done);
  await about('replay', done);
  await about('diff', done, await newest());
  await about('run --detach --at 2099-01-01', 'greeter', 'Hi');
  const later = await newest(`status = 'queued'`);
  for (const verb of ['pause', 'resume', 'cancel']) await about(verb, later);
  await cli('run', '--detach', 'greeter', 'Hi');
  await cli('runs');
  await cli('ls', 'runs');
  await cli('logs');
  await cli('top');
  await cli('questions');
  await cli('doctor');
  await cli('whoami');
  await cli('worker', '--once');
  await cli('demo');
  await cli('doctor', '--audit');
  for (const verb of ['start', 'api', 'worker']) {
    const started = startCli(url, verb);
    await Promise.race([
      expect.poll(started.stderr, { timeout: 240_000 }).toContain('Howdah is ready.'),
      started.waitForReturn(),
    ]);
    started.interrupt();
    note(verb, await started.end());
  }
  await cli('apply', 'examples/press.yaml');
  await cli('validate', 'examples/press.yaml');
  await cli('diff', 'examples/press.yaml');
  await cli('export');
  await cli('import', 'fast-agent', 'test/fixtures/fast-agent/newsroom');
  await cli('workflows');
  await cli('versions', 'greeter');
  await cli('tools');
  await cli('tools', 'asker');
  await cli('models', 'create', 'made', '--provider', 'local', '--model', 'extractive');
  await cli('models', 'delete', 'made', '--yes');
  await cli('prompts', 'create', 'made', 'Hello.');
  await cli('prompts', 'delete', 'made', '--yes');
  await cli('skills', 'create', 'made', 'Be brief.', '--description', 'Brevity.');
  await cli('skills', 'delete', 'made', '--yes');
  await cli('views', 'create', 'made', '--place', 'runs', '--filter', '{"status": "failed"}');
  await cli('views', 'delete', 'made', '--yes');
  await cli('kb', 'create', 'made');
  await cli('kb', 'add', 'made', 'README.md');
  await cli('kb', 'ls', 'made');
  await cli('kb', 'state', 'made');
  await cli('kb', 'chunks', 'made', 'README.md');
  await cli('kb', 'search', 'made', 'agents');
  await cli('searches', 'list');
  await about('kb hits', (await ids('select id from howdah.searches limit 1'))[0] ?? '');
  await cli('kb', 'health', 'made');
  await cli('kb', 'stale', 'made');
  await cli('kb', 'replay', 'made');
  await about('kb sources', await newest(`status = 'completed'`));
  await cli('kb', 'rm', 'made', 'README.md', '--yes');
  await cli('kb', 'delete', 'made', '--yes');
  await cli('dataset', 'create', 'made');
  await cli('dataset', 'add', 'made', 'test/fixtures/items.jsonl');
  await cli('dataset', 'items', 'made');
  await cli('graders', 'create', 'made', '--kind', 'exact');
  await cli('eval', 'list');
  await cli('graders', 'change', 'made', '--kind', 'latency', '--configuration', '{"max": 60000}');
  await cli(
    ...['grading-rules', 'create', 'made', '--dataset', 'made', '--agent', 'greeter'],
    ...['--graders', 'made'],
  );
  await cli('grading-rules', 'delete', 'made', '--yes');
  await cli('graders', 'delete', 'made', '--yes');
  await cli('dataset', 'delete', 'made', '--yes');
  const memory = (await cli('memories', 'add', 'a word', '--scope', 'tenant')).stdout.trim();
  await cli('memories', 'recall', 'word');
  await about('memories forget', memory, '--yes');
  await cli('grants', 'list');
  await cli('limits', 'list');
  await cli('hooks', 'list');
  await cli('audit');
  await cli('integrations', 'create', 'made', '--url', 'https://example.com/api');
  await cli('integrations', 'delete', 'made', '--yes');
  await about('todo', (await ids('select id from howdah.sessions limit 1'))[0] ?? '');
  await cli(
    ...[
      'schedules',
      'create',
      'made',
      '--cron',
      '0 0 29 2 *',
      '--agent',
      'greeter',
      '--input',
      'Hi',
    ],
  );
  await cli('schedules', 'run', 'made');
  await cli('schedules', 'delete', 'made', '--yes');
  await cli('webhooks', 'create', 'https://example.com/made');
  await cli('webhooks', 'list');
  await cli('webhooks', 'delete', 'https://example.com/made', '--yes');
  await cli('mcp', 'list');
  await typed('mcp');
  await cli('alerts', '--use');
  await cli('alerts', '--now');
  await cli('queue');
  await cli('violations');
  await cli('audit', '--check');
  await cli('jobs', 'list');
  await cli('jobs', 'pause', 'erase_run');
  await cli('jobs', 'resume', 'erase_run');
  await cli('policies');
  await cli('approvals');
  await cli('retention-policies');
  await cli('filters', 'add', 'tax_id', '[0-9]{11}');
  await cli('filters', 'test', '12345678901');
  await cli('filters', 'remove', 'tax_id', '--yes');
  await cli('settings', 'set', 'max_depth', '6');
  await cli('settings', 'remove', 'max_depth');
  await cli('sql', 'select count(*) from howdah.executions');
  await typed('secret set github', 'a-token-of-github');
  await typed('secret rotate github', 'another-token-of-github');
  await cli('secret', 'list');
  const hook = ['--verification', 'github', '--secret', 'github', '--agent', 'greeter'];
  await cli('inbound-hooks', 'create', 'made', ...hook);
  await cli('inbound-hooks', 'deliveries');
  await cli('inbound-hooks', 'delete', 'made', '--yes');
  await cli('secret', 'remove', 'github', '--yes');
  await cli('token', '--user', 'ada', '--create');
  await cli('users');
  await cli('export-user', 'ada');
  await cli('erase-user', 'ada', '--mode', 'delete', '--yes');
  await cli('key', 'create', 'ci', '--role', 'member');
  await cli('key', 'list');
  await cli('retention', '--yes');
  await cli('retention', 'months');
  await cli('index-vectors');
  const month = new Date().toISOString().slice(0, 7);
  const archive = join(folder, name);
  await about(`retention archive ${month}`, '--out', archive);
  await about('retention restore', join(archive, month));
  await cli('generate', '--executions', '20', '--append');
  await about('psql -c', 'select 1');
  await cli('completion', 'words', 'exec');
  note('profiles', await runWithoutDatabase('', 'profiles'));
  note('logout', await runWithoutDatabase('', 'logout'));
  note('login', await runWithoutDatabase('a-key', 'login', 'http://127.0.0.1:9'));
  note('open', await runWithoutDatabase('', 'open', '--api', 'http://127.0.0.1:9'));
  return found;
}

test('every command works for an owner without superuser as for a superuser', async () => {
  const byOwner = await walk(plain('mine'), 'mine');
  // The list REFUSED says the same of a superuser, so every day is often enough to run that walk.
  const isNightly = process.env.HOWDAH_TESTS === 'nightly';
  const bySuperuser = isNightly
    ? await walk(withDatabase(server.url, 'theirs'), 'theirs')
    : byOwner;
  for (const [words, { status, stderr }] of byOwner) {
    const other = bySuperuser.get(words);
    const expected = NOT_HERE.includes(words) ? other?.status : (REFUSED[words] ?? 0);
    expect
      .soft({ words, status: other?.status }, other?.stderr)
      .toEqual({ words, status: expected });
    expect.soft({ words, status }, stderr).toEqual({ words, status: expected });
  }
  const run = new Set([...byOwner.keys()].map((words) => words.split(' ')[0]));
  expect(allCommands.map(({ name }) => name).filter((name) => !run.has(name))).toEqual(
    Object.keys(ELSEWHERE),
  );
}, 1_200_000); // two hundred commands, on a machine that may be busy

test.runIf(pgBin)('a backup requires bypassrls, and such an owner can restore it', async () => {
  for (const url of [plain('kept'), withDatabase(server.url, 'whole')]) {
    expect(await runCli(url, 'migrate', 'up')).toMatchObject({ status: 0 });
  }
  const refused = await runCli(plain('kept'), 'backup', join(folder, 'kept.dump'));
  expect(refused).toMatchObject({
    // docs/backup.md: row-level security hides rows of single months from every other login
    status: 4,
    stderr: expect.stringContaining('row-level security hides rows from it'),
  });
  const dump = join(folder, 'whole.dump');
  const whole = withDatabase(server.url, 'whole');
  expect(await runCli(whole, 'backup', dump)).toMatchObject({ status: 0 });
  for (const into of [plain('my_copy'), withDatabase(server.url, 'their_copy')]) {
    const { status, stdout, stderr } = await runCli(whole, 'restore', dump, '--into', into);
    expect({ status, stdout }, stderr).toMatchObject({ status: 0 });
  }
});

test('values hidden from such a login are reported as unknown', async () => {
  const url = withDatabase(server.url, 'mine');
  expect(await runCli(plain('mine'), 'migrate', 'up')).toMatchObject({ status: 0 });
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  try {
    // the setting counts only where the library is loaded, and the login may not read it
    await other.query(
      `do $$ begin if exists (select from pg_available_extensions where name = 'pg_stat_statements')
         then create extension pg_stat_statements; end if; end $$`,
    );
    const { database, slow_statements } = JSON.parse(
      (await runCli(plain('mine'), 'top', '--json')).stdout,
    );
    expect({ database, slow_statements }).toMatchObject({
      database: { hidden_sessions: expect.any(Number) },
      slow_statements: null,
    });
    expect(database.hidden_sessions).toBeGreaterThan(0);
    const { status, stdout } = await runCli(plain('mine'), 'top');
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(
        /oldest transaction \d+ s \(unknown: \d+ sessions of other logins;/,
      ),
    });
    const seen = JSON.parse((await runCli(url, 'top', '--json')).stdout);
    expect(seen.database.hidden_sessions).toBe(0);
  } finally {
    await other.end();
  }
});
