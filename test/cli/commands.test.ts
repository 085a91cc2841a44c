import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Worker } from '../../workers/main.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { runCli } from './run-cli.ts';

let database: TestDatabase;
let worker: Worker;

beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker(database.url);
  await database.pool.query(`
    insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script');
    insert into howdah.agents (name, instruction) values ('greeter', 'Greet.'), ('broken', 'Fail.'),
      ('slow', 'Take your time.');
    insert into howdah.agent_models (agent_id, model_id, request_params)
    select howdah.agent(s.agent), m.id, jsonb_build_object('script', s.script)
    from howdah.models as m, (values
      ('greeter', '[{"content": "Hello there"}]'::jsonb),
      ('broken', '[{"error": {"status": 400, "message": "no such thing"}}]'),
      ('slow', '[{"content": "late", "delay_ms": 600000}]')
    ) as s (agent, script) where m.name = 'script'`);
});

afterAll(async () => {
  await worker.stop(0);
  await database.drop();
});

const cli = (...argv: string[]) => runCli(database.url, ...argv);

describe('howdah run', () => {
  test('prints the answer on stdout, the steps on stderr, and exits 0', async () => {
    const { status, stdout, stderr } = await cli('run', 'greeter', 'Hi');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Hello there\n' });
    expect(stderr).toMatch(/1 {2}model +script/);
    expect(stderr).toContain('completed (final_answer)');
  });

  test('with --json gives one object per step and one for the end', async () => {
    const { stdout } = await cli('run', 'greeter', 'Hi', '--json');
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.map(({ type, kind }) => [type, kind])).toEqual([
      ['step', 'model'],
      ['step', 'output'],
      ['end', undefined],
    ]);
    expect(lines.at(-1)).toMatchObject({ status: 'completed', output: 'Hello there' });
  });

  test('of an unknown agent exits 3 and names those there are', async () => {
    const { status, stdout, stderr } = await cli('run', 'greter', 'Hi');
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain("there is no agent named 'greter'");
    expect(stderr).toContain('greeter');
  });

  test('of a run that fails exits 6 and says why', async () => {
    const { status, stdout, stderr } = await cli('run', 'broken', 'Hi');
    expect({ status, stdout }).toEqual({ status: 6, stdout: '' });
    expect(stderr).toContain('no such thing');
  });

  test('with a known --idempotency-key gives the first run', async () => {
    const first = await cli('run', 'greeter', 'Hi', '--detach', '--idempotency-key', 'order 1');
    const again = await cli('run', 'greeter', 'Hi', '--detach', '--idempotency-key', 'order 1');
    expect(again.stdout).toBe(first.stdout);
  });

  test('with bad --metadata exits 2 and shows how', async () => {
    const { status, stderr } = await cli('run', 'greeter', 'Hi', '--metadata', '{order}');
    expect(status).toBe(2);
    expect(stderr).toContain('--metadata');
  });

  test('run-agent knows agents by id', async () => {
    const { rows } = await database.pool.query(`select howdah.agent('greeter') as id`);
    const { status, stdout } = await cli('run-agent', '--agent-id', rows[0].id, '--message', 'Hi');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Hello there\n' });
    const missing = await cli('run-agent', '--agent-id', 'x', '--message', 'Hi');
    expect(missing.status).toBe(3);
  });
});

describe('a run there is', () => {
  test('is shown, watched from a cursor, and listed', async () => {
    const id = (await cli('run', 'greeter', 'Hi', '--detach')).stdout.trim();
    const watched = await cli('watch', id, '--after', '1');
    expect(watched).toMatchObject({ status: 0, stdout: 'Hello there\n' });
    expect(watched.stderr).not.toMatch(/1 {2}model/);
    const shown = await cli('show', id);
    expect(shown.stdout).toContain('agent     greeter, version 1');
    expect(shown.stdout).toContain('output    Hello there');
    const listed = await cli('executions', '--agent', 'greeter', '--status', 'COMPLETED', '--json');
    const { items } = JSON.parse(listed.stdout);
    expect(items.map((item: { id: string }) => item.id)).toContain(id);
  });

  test('is cancelled in the middle of a model call, once', async () => {
    const id = (await cli('run', 'slow', 'Hi', '--detach')).stdout.trim();
    await eventually(
      database.pool,
      'it runs',
      `select 1 from howdah.executions where id = $1 and status = 'running'`,
      [id],
    );
    expect((await cli('cancel', id)).stdout).toBe(`${id} cancelled\n`);
    const again = await cli('cancel', id);
    expect(again.status).toBe(1);
    expect(again.stderr).toContain('has already ended: cancelled');
  });

  test('that nobody knows exits 3, and what is no id exits 2', async () => {
    const unknown = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    for (const command of ['show', 'watch', 'cancel']) {
      expect((await cli(command, unknown)).status).toBe(3);
      expect((await cli(command, '4711')).status).toBe(2);
    }
  });
});

describe('what there is', () => {
  test('agents are listed with version and model', async () => {
    const { stdout } = await cli('agents');
    expect(stdout).toMatch(/greeter +1 +true/);
  });

  test('an unknown status exits 2 and names those there are', async () => {
    const { status, stderr } = await cli('executions', '--status', 'done');
    expect(status).toBe(2);
    expect(stderr).toContain('queued, running');
  });

  test('doctor finds a healthy system, and a broken promise', async () => {
    const healthy = await cli('doctor', '--json');
    expect(healthy.status).toBe(0);
    await database.pool.query(`update howdah.sessions set title = title; begin;
      set local session_replication_role = replica;
      insert into howdah.sessions (live_execution_id) values (howdah.uuid_v7()); commit`);
    const sick = await cli('doctor');
    expect(sick.status).toBe(1);
    expect(sick.stdout).toMatch(/BAD +promises.*wrong_turn/);
    await database.pool.query(
      'begin; set local session_replication_role = replica; delete from howdah.sessions; commit',
    );
  });

  test('migrate status names what is applied', async () => {
    const { stdout } = await cli('migrate', 'status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ pending: [], sql: 'current' });
  });
});

test('a database that cannot be reached exits 8 and names host and port, never the password', async () => {
  const url = 'postgres://me:s3cret@127.0.0.1:1/nowhere';
  const { status, stdout, stderr } = await runCli(url, 'agents');
  expect({ status, stdout }).toEqual({ status: 8, stdout: '' });
  expect(stderr).toContain('127.0.0.1:1');
  expect(stderr).not.toContain('s3cret');
});
