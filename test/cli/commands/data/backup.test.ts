import { randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { startOpenAiServer } from '../../../../chaos/load/openai-server.ts';
import {
  type FullServer,
  findFullPostgres,
  startFullServer,
} from '../../../../deploy/rehearsals/support/full-servers.ts';
import { migrateDown, migrateUp } from '../../../../src/db/schema/migrate.ts';
import { createMasterKeys } from '../../../../src/secrets/master-keys.ts';
import { migrateQueue } from '../../../../workers/queue/migrate-queue.ts';
import {
  callTools,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  makeAgentTool,
  waitForEnd,
  waitForStatus,
} from '../../../runtime/arrange.ts';
import { eventually } from '../../../support/database.ts';
import { dumpSchema } from '../../../support/generate/schema-dump.ts';
import { withDatabase } from '../../../support/server.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { runCli, startCli } from '../../run-cli.ts';

// Needs the programs of a complete PostgreSQL installation, and starts a server of their version.
// The embedded PostgreSQL contains the server only.

const pgBin = findFullPostgres();
if (pgBin === undefined) {
  console.warn(
    'backup and restore are not tested here: no PostgreSQL with pg_dump was found (HOWDAH_PG_BIN names one)',
  );
}

/** Live runs of every kind, by name. */
type Runs = Record<
  'ended' | 'running' | 'ahead' | 'asks' | 'parent' | 'turn' | 'queued' | 'later' | 'paused',
  string
>;

describe.runIf(pgBin)('backup and restore', () => {
  const key = randomBytes(32);
  const pools: pg.Pool[] = [];
  let server: FullServer;
  let folder: string;
  let file: string;
  let pool: pg.Pool;
  let runs: Runs;

  const on = (url: string): pg.Pool => {
    const made = new pg.Pool({ connectionString: url, max: 4 });
    made.on('error', () => {});
    pools.push(made);
    return made;
  };
  /** Creates an empty database, owned by `owner` if given, who is not a superuser. */
  const emptyDatabase = async (owner?: string): Promise<string> => {
    const name = `r${randomBytes(6).toString('hex')}`;
    await pool.query(`create database ${name} ${owner ? `owner ${owner}` : ''}`);
    const url = new URL(withDatabase(server.url, name));
    return (owner ? Object.assign(url, { username: owner, password: owner }) : url).toString();
  };
  const cli = (url: string, ...argv: string[]) => runCli(url, ...argv, '--pg-bin', pgBin ?? '');
  const schemasOf = async (url: string): Promise<string[]> =>
    (
      await on(url).query(
        `select nspname from pg_namespace where nspname ~ '^(howdah|graphile)' order by 1`,
      )
    ).rows.map(({ nspname }) => nspname);

  /**
   * Returns the schema without parentheses. Postgres prints `(a or b) or c`, and restores it as `a
   * or b or c`.
   */
  const schemaOf = async (url: string) => (await dumpSchema(url)).replaceAll(/[()]/g, '');
  /** Returns the functions that bound values of queries; schema.sql omits them. */
  const boundedOf = async (url: string) =>
    (
      await on(url).query(
        `select p.oid::regprocedure::text as name from pg_proc as p
         where p.pronamespace = 'howdah_bounded'::regnamespace
         union all
         select o.oid::regoperator::text from pg_operator as o
         where o.oprnamespace = 'howdah_bounded'::regnamespace order by 1`,
      )
    ).rows.map(({ name }) => name);

  beforeAll(async () => {
    vi.stubEnv('HOWDAH_SECRET_KEY', key.toString('base64'));
    folder = mkdtempSync(join(tmpdir(), 'howdah-backup-'));
    file = join(folder, 'whole.dump');
    server = await startFullServer(pgBin ?? '');
    await migrateUp(server.url, migrateQueue);
    pool = on(server.url);
    await pool.query(`create role reporting login; grant howdah_app to reporting;
      create role alice login createrole password 'alice'`);
    // an agent with tools makes a call, and its next request gets no answer
    const silent = await startOpenAiServer(({ body }) =>
      body.tools && !JSON.stringify(body.messages).includes('"tool_call_id"')
        ? { tool_calls: [{ name: 'todo', arguments: { action: 'list' } }] }
        : { stall: 'before_headers' },
    );
    const worker = await startTestWorker(server.url, { openai: silent.url });
    try {
      runs = await arrange();
      const { status, stdout, stderr } = await cli(server.url, 'backup', file);
      expect({ status, stdout }, stderr).toEqual({ status: 0, stdout: `${file}\n` });
      expect(stderr).toMatch(/Runs that continue after a restore: .*2 running/);
      expect(stderr).toMatch(
        /^Not in the backup: HOWDAH_SECRET_KEY \([0-9a-f]{16}\), which is needed/m,
      );
      expect(stderr).toMatch(
        /^Not in the backup: the watched tables public\.articles, public\.tickets: --all/m,
      );
      expect(stderr).toMatch(/^Not in the backup: the logins reporting:/m);
    } finally {
      await worker.stop(0);
      await silent.close();
    }
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await Promise.all(pools.map((one) => one.end()));
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function arrange(): Promise<Runs> {
    const insertDone = await makeAgent(pool, {
      ...{ script: [{ content: 'done' }], use_history: false },
    });
    const slow = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    const busy = await makeAgent(pool, { models: [{ provider: 'openai' }], tools: ['todo'] });
    const asking = callTools({ name: 'ask_user', arguments: { question: 'Which?' } });
    const asker = await makeAgent(pool, { script: [asking, { content: 'so be it' }] });
    await pool.query('update howdah.agents set human_input = true where id = $1', [asker]);
    const tool = await makeAgentTool(pool, asker);
    const parent = await makeAgent(pool, {
      script: [callTools({ name: tool, arguments: { message: 'ask' } }), { content: 'it is done' }],
      tools: [tool],
    });
    const { rows } = await pool.query(
      'insert into howdah.sessions (agent_id) values ($1) returning id',
      [asker],
    );
    const session_id: string = rows[0].id;
    const run_at = new Date(Date.now() + 3_600_000);
    const made: Runs = {
      ended: await insertRun(pool, insertDone),
      running: await insertRun(pool, slow),
      ahead: await insertRun(pool, busy),
      asks: await insertRun(pool, asker),
      parent: await insertRun(pool, parent),
      turn: await insertRun(pool, asker, 'first', { session_id }),
      queued: await insertRun(pool, insertDone, 'in its turn', { session_id }),
      later: await insertRun(pool, insertDone, 'later', { run_at }),
      paused: await insertRun(pool, insertDone, 'paused', { run_at }),
    };
    await pool.query('select howdah.pause_execution($1)', [made.paused]);
    await waitForEnd(pool, made.ended);
    await eventually(pool, 'three ask', 'select from howdah.questions having count(*) = 3');
    await waitForStatus(pool, made.running, 'running');
    await eventually(
      pool,
      'the head of a run is ahead of its row',
      `select from howdah_private.run_heads as h join howdah.executions as e on e.id = h.execution_id
       where e.id = $1 and h.step_count = 2 and h.step_count > e.step_count`,
      [made.ahead],
    );
    const secret = startCli(server.url, 'secret', 'set', 'shop');
    secret.type('a value that nobody knows');
    expect((await secret.end()).status).toBe(0);
    await pool.query(`
      insert into howdah_private.login_tenants (login, tenant_id, role) select 'reporting', id, 'admin' from howdah.tenants;
      create table public.tickets (id int primary key, body text, reply text);
      insert into howdah.schedules (name, cron, agent_id, input)
      select 'each minute', '* * * * *', id, 'x' from howdah.agents where id = '${insertDone}';
      insert into howdah.webhooks (url) values ('https://hooks.example.com/');
      select howdah.watch_table('public.tickets', agent => a.name, input => 'body')
      from howdah.agents as a where a.id = '${insertDone}';
      create table public.articles (id int primary key, body text);
      insert into howdah.knowledge_bases (name) values ('press');
      select howdah.watch_knowledge('public.articles', 'body', 'press')`);
    return made;
  }

  test('only the owner may read the file, and no other file remains', () => {
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['whole.dump']);
  });

  test('restores the same data, and live runs complete on another worker', async () => {
    const url = await emptyDatabase();
    const { status, stdout, stderr } = await cli(url, 'restore', file, '--json');
    const report = JSON.parse(stdout);
    expect(report.findings.filter(({ ok }: { ok: boolean }) => !ok)).toMatchObject([
      {
        check: 'tables',
        found:
          'watched, but missing or not watched in this database: public.articles, public.tickets',
      },
    ]);
    expect({ status, stderr }).toMatchObject({ status: 1 });
    expect(report).toMatchObject({
      paused: false,
      migrated: [],
      live_runs: { queued: 3, waiting: 5, paused: 1 },
      counts: { executions: 10, open_questions: 3, schedules: 1, webhooks: 1 },
    });
    expect(await schemaOf(url)).toBe(await schemaOf(server.url));
    expect(await boundedOf(url)).toEqual(await boundedOf(server.url));
    const there = on(url);
    expect((await there.query('select from howdah_private.workers')).rowCount).toBe(0);
    const model = await startOpenAiServer(() => ({ content: 'answered' }));
    const masterKeys = createMasterKeys({ keys: [key], file: undefined });
    const worker = await startTestWorker(url, { openai: model.url, masterKeys });
    try {
      expect(await waitForEnd(there, runs.running)).toMatchObject({ output: 'answered' });
      expect(await kindsOf(there, runs.running)).toBe('model output');
      expect(await waitForEnd(there, runs.ahead)).toMatchObject({
        output: 'answered',
        model_count: 2,
      });
      expect(await kindsOf(there, runs.ahead)).toBe('model tool model output');
      await there.query(
        `select howdah.answer_question(q.id, 'red') from howdah.questions as q where q.status = 'open'`,
      );
      for (const id of [runs.asks, runs.parent, runs.turn, runs.queued]) {
        expect(await waitForEnd(there, id)).toMatchObject({ status: 'completed' });
      }
      await there.query('select howdah.resume_execution($1)', [runs.paused]);
      expect(await findViolations(there)).toEqual([]);
      const counted = await there.query(
        'select from howdah.executions where crashes_without_progress > 0',
      );
      expect(counted.rowCount).toBe(0); // no worker was reported dead by the restore
    } finally {
      await worker.stop(0);
      await model.close();
    }
  });

  test('--paused: nothing in the copy runs or is sent', async () => {
    const url = await emptyDatabase();
    const { stderr, stdout } = await cli(url, 'restore', file, '--paused', '--json');
    expect(JSON.parse(stdout), stderr).toMatchObject({
      paused: true,
      live_runs: { paused: 10 - 1 },
      counts: { schedules: 0, webhooks: 0 },
    });
    const there = on(url);
    const worker = await startTestWorker(url);
    try {
      await there.query('select howdah.resume_execution($1)', [runs.asks]);
      await waitForStatus(there, runs.asks, 'waiting');
      const { rows } = await there.query(
        `select count(*)::int as paused from howdah.executions where status = 'paused'`,
      );
      expect(rows).toEqual([{ paused: 8 }]);
      expect(await findViolations(there)).toEqual([]);
    } finally {
      await worker.stop(0);
    }
  });

  test('an owner without superuser restores completely, and cannot back up, with a reason', async () => {
    const url = await emptyDatabase('alice');
    await pool.query('grant howdah_owner to alice');
    const { stdout, stderr } = await cli(url, 'restore', file, '--json');
    expect(stdout, stderr).not.toBe('');
    expect(JSON.parse(stdout).counts).toMatchObject({ executions: 10 });
    expect(await schemaOf(url)).toBe(await schemaOf(server.url));
    const backup = await cli(url, 'backup', join(folder, 'alice.dump'));
    expect(backup).toMatchObject({ status: 4, stdout: '' });
    expect(backup.stderr).toMatch(/login alice cannot back up: row-level security[\s\S]*BYPASSRLS/);
  });

  test('a backup taken after migrate down is restorable', async () => {
    const from = await emptyDatabase();
    await migrateUp(from, migrateQueue);
    await migrateDown(from, false);
    const dump = join(folder, 'down.dump');
    expect(await cli(from, 'backup', dump)).toMatchObject({ status: 0 });
    const { status, stderr } = await cli(await emptyDatabase(), 'restore', dump);
    expect({ status }, stderr).toEqual({ status: 0 });
    rmSync(dump);
  });

  test('indexes of vectors stay out of a restored database, which may lack their extension', async () => {
    const [from, into] = [await emptyDatabase(), await emptyDatabase()];
    await migrateUp(from, migrateQueue);
    const name = 'chunk_embeddings_hnsw_0123456789abcdef';
    await on(from).query(`create index ${name} on howdah_private.chunk_embeddings (chunk_number)`);
    const dump = join(folder, 'vectors.dump');
    expect(await cli(from, 'backup', dump)).toMatchObject({ status: 0 });
    expect(await cli(into, 'restore', dump)).toMatchObject({ status: 0 });
    rmSync(dump);
    const { rows } = await on(into).query('select to_regclass($1)', [`howdah_private.${name}`]);
    expect(rows).toEqual([{ to_regclass: null }]);
  });

  test('--all includes objects outside of Howdah', async () => {
    const whole = join(folder, 'all.dump');
    expect(await cli(server.url, 'backup', whole, '--all')).toMatchObject({ status: 0 });
    const url = await emptyDatabase();
    const { status, stderr } = await cli(url, 'restore', whole);
    expect({ status }, stderr).toEqual({ status: 0 });
    await on(url).query(`insert into public.tickets values (1, 'a row begins a run')`);
    const { rows } = await on(url).query(
      `select input from howdah.executions where input = 'a row begins a run'`,
    );
    expect(rows).toHaveLength(1);
    rmSync(whole);
  });

  test('a key that does not open the secrets is reported with a fix', async () => {
    const url = await emptyDatabase();
    vi.stubEnv('HOWDAH_SECRET_KEY', randomBytes(32).toString('base64'));
    try {
      const { status, stdout } = await cli(url, 'restore', file);
      expect(status).toBe(1);
      expect(stdout).toMatch(/BAD {2}secrets .* which is not available\n.*Set HOWDAH_SECRET_KEY/);
    } finally {
      vi.stubEnv('HOWDAH_SECRET_KEY', key.toString('base64'));
    }
  });

  describe('a failed restore leaves nothing and states the reason', () => {
    test.each([0.02, 0.5, 0.99])('a file truncated after %d of its length', async (part) => {
      const url = await emptyDatabase();
      const cut = join(folder, `cut-${part}.dump`);
      const bytes = readFileSync(file);
      writeFileSync(cut, bytes.subarray(0, Math.floor(bytes.length * part)));
      const { status, stdout, stderr } = await cli(url, 'restore', cut);
      expect({ status, stdout }, stderr).toEqual({ status: 1, stdout: '' });
      expect(stderr).toMatch(/pg_restore failed: .*(end of file|input file|find block ID)/);
      expect(await schemasOf(url)).toEqual([]);
      rmSync(cut);
    });

    test('a database that already has a Howdah schema', async () => {
      const { status, stderr } = await cli(server.url, 'restore', file);
      expect(status).toBe(1);
      expect(stderr).toMatch(/the database howdah already has the schemas .*howdah/);
      expect(stderr).toMatch(/hint: Restore into an empty database/);
    });

    test('a missing file, and a file that is not a backup', async () => {
      const url = await emptyDatabase();
      expect(await cli(url, 'restore', join(folder, 'never.dump'))).toMatchObject({ status: 3 });
      const { status, stderr } = await cli(url, 'restore', 'package.json');
      expect(status).toBe(2);
      expect(stderr).toMatch(/package\.json is not a Howdah backup/);
      const into = await cli(url, 'restore', file, '--into', 'scratch');
      expect(into).toMatchObject({ status: 2, stdout: '' });
      expect(into.stderr).toMatch(/--into is not a PostgreSQL URL/);
    });

    test('a role missing from the server', async () => {
      const name = `r${randomBytes(4).toString('hex')}`;
      const named = join(folder, 'named.dump');
      await pool.query(`create role ${name}; grant select on howdah.agents to ${name}`);
      expect(await cli(server.url, 'backup', named)).toMatchObject({ status: 0 });
      await pool.query(`drop owned by ${name}; drop role ${name}`);
      const url = await emptyDatabase();
      const { status, stderr } = await cli(url, 'restore', named);
      expect(status).toBe(1);
      expect(stderr).toContain(`the backup names roles that this server does not have: ${name}`);
      expect(await schemasOf(url)).toEqual([]);
      rmSync(named);
    });

    test('a preview schema', async () => {
      const preview = join(folder, 'preview.dump');
      const first = '0001_schemas_and_roles';
      await pool.query(
        `insert into howdah_private.migrations (name, run_on) values ('${first}', now())`,
      );
      expect(await cli(server.url, 'backup', preview)).toMatchObject({ status: 0 });
      await pool.query(`delete from howdah_private.migrations where name = '${first}'`);
      const { status, stderr } = await cli(await emptyDatabase(), 'restore', preview);
      expect(status).toBe(1);
      expect(stderr).toContain('the backup was created by a preview of Howdah before 0.1.0');
      rmSync(preview);
    });

    test('a schema newer than the program', async () => {
      const newer = join(folder, 'newer.dump');
      const later = `insert into howdah_private.migrations (name, run_on) values ('9999_later', now())`;
      await pool.query(later);
      expect(await cli(server.url, 'backup', newer)).toMatchObject({ status: 0 });
      await pool.query(`delete from howdah_private.migrations where name = '9999_later'`);
      const { status, stderr } = await cli(await emptyDatabase(), 'restore', newer);
      expect(status).toBe(1);
      expect(stderr).toMatch(/schema in the backup is newer than this program[\s\S]*9999_later/);
      rmSync(newer);
    });
  });

  describe('a failed backup leaves no file', () => {
    test('an existing file name, or a missing folder', async () => {
      const taken = await cli(server.url, 'backup', file);
      expect(taken).toMatchObject({ status: 1, stdout: '' });
      expect(taken.stderr).toMatch(/the file .*whole\.dump already exists/);
      const absent = await cli(server.url, 'backup', join(folder, 'nope', 'x.dump'));
      expect(absent).toMatchObject({ status: 2, stdout: '' });
      expect(absent.stderr).toMatch(/there is no folder .*nope/);
    });

    test('an interruption while waiting for a table lock', async () => {
      const client = await pool.connect();
      try {
        await client.query('begin; lock table howdah.models in access exclusive mode');
        const part = join(folder, 'part.dump');
        const waiting = startCli(server.url, 'backup', part, '--pg-bin', pgBin ?? '');
        await eventually(
          pool,
          'pg_dump waits',
          `select from pg_stat_activity where application_name = 'pg_dump' and wait_event_type = 'Lock'`,
        );
        waiting.interrupt();
        expect(await waiting.end()).toMatchObject({ status: 130, stdout: '' });
      } finally {
        await client.query('rollback');
        client.release();
      }
      expect(readdirSync(folder)).toEqual(['whole.dump']);
    });
  });
});
