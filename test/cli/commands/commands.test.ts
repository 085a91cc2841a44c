import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeTenant, unique } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli, startAtTerminal } from '../run-cli.ts';

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
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
});

const cli = (...argv: string[]) => runCli(database.url, ...argv);

describe('howdah filters', () => {
  test('adds, tests, lists and removes a filter', async () => {
    const added = await cli('filters', 'add', 'badge', 'B-\\d{4}', '--places', 'output,board');
    expect(added).toMatchObject({
      status: 0,
      stderr: 'The output filter badge was created.\n',
    });
    expect(await cli('filters', 'test', 'my B-1234')).toMatchObject({
      status: 0,
      stdout: 'my [badge withheld]\n',
      stderr: expect.stringContaining('Matched: badge (redact, 1×).'),
    });
    expect(await cli('filters', 'test', 'my B-1234', '--place', 'file')).toMatchObject({
      stdout: 'my B-1234\n',
    });
    const own = ['filters', 'add', 'own', 'X\\d', '--action', 'block', '--agent', 'greeter'];
    expect(await cli(...own)).toMatchObject({ status: 0 });
    expect(await cli('filters', 'test', 'X1', '--agent', 'greeter', '--json')).toMatchObject({
      stdout: '{"hits":[{"action":"block","filter":"own","matches":1}],"value":null}\n',
    });
    expect(await cli('filters', 'test', 'X1')).toMatchObject({ stdout: 'X1\n' });
    const { stdout } = await cli('filters', 'list', '--json');
    expect(JSON.parse(stdout).items).toMatchObject([
      { name: 'badge', agent: null, action: 'redact', places: ['output', 'board'] },
      { name: 'own', agent: 'greeter', action: 'block' },
    ]);
    expect(await cli('filters', 'remove', 'badge', '--yes')).toMatchObject({ status: 0 });
    expect(await cli('filters', 'remove', 'own', '--yes')).toMatchObject({ status: 0 });
  });

  test.each([
    [['remove', 'nobody', '--yes'], 3, /there is no output filter 'nobody'/],
    [['add', 'x', '('], 2, /pattern of filter 'x'/],
    [['add', 'x', 'y', '--places', 'roof'], 2, /'roof' is not one of output/],
    [['add', 'x', 'y', '--agent', 'nobody'], 3, /nobody/],
    [['test', 'y', '--agent', 'nobody'], 3, /nobody/],
  ])('filters %j exits %i', async (argv, status, said) => {
    expect(await cli('filters', ...argv)).toMatchObject({
      status,
      stderr: expect.stringMatching(said),
    });
  });
});

describe('howdah run', () => {
  test('prints the answer on stdout, the steps on stderr, and exits 0', async () => {
    const { status, stdout, stderr } = await cli('run', 'greeter', 'Hi');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Hello there\n' });
    expect(stderr).toMatch(/1 {2}model +script/);
    expect(stderr).toContain('completed (final_answer)');
  });

  test('with --json prints one object per step and one for the end', async () => {
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

  test('with --json prints counts and costs as numbers, as every command does', async () => {
    const { stdout } = await cli('run', 'greeter', 'Hi', '--json');
    const end = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
    for (const figure of [end.tokens_in, end.tokens_out, end.cost]) {
      expect(figure).toEqual(expect.any(Number));
    }
    const shown = JSON.parse((await cli('show', end.id, '--json')).stdout);
    expect(shown).toMatchObject({ tokens_in: end.tokens_in, cost: end.cost });
    expect(shown.steps[0].tokens_in).toEqual(expect.any(Number));
    const [listed] = JSON.parse((await cli('executions', '--json')).stdout).items;
    expect(listed).toMatchObject({ tokens: end.tokens_in + end.tokens_out, cost: end.cost });
  });

  test('with --tenant uses that tenant, as do lists; ids work for any tenant', async () => {
    const slug = unique('shop');
    const tenant = await makeTenant(database.pool, slug);
    const { rows } = await database.pool.query(
      `with model as (
         insert into howdah.models (tenant_id, name, provider, model) values ($1, 'script', 'scripted', 'script') returning id
       ), agent as (
         insert into howdah.agents (tenant_id, name) values ($1, 'clerk') returning id
       )
       insert into howdah.agent_models (tenant_id, agent_id, model_id, request_params)
       select $1, agent.id, model.id, '{"script": [{"content": "Good day"}, {"content": "Good day"}]}' from agent, model
       returning agent_id`,
      [tenant],
    );
    const own = (...argv: string[]) => cli(...argv, '--tenant', slug);
    const { status, stdout, stderr } = await own('run', 'clerk', 'Hi');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Good day\n' });
    const id = /execution (\S+)/.exec(stderr)?.[1] ?? '';
    expect((await cli('show', id, '--json')).stdout).toContain(tenant);
    expect((await cli('watch', id)).stdout).toBe('Good day\n');
    const byId = await own('run-agent', '--agent-id', rows[0].agent_id, '--message', 'Hi');
    expect(byId).toMatchObject({ status: 0, stdout: 'Good day\n' });
    const items = async (line: Promise<{ stdout: string }>) =>
      JSON.parse((await line).stdout).items;
    expect(await items(own('executions', '--agent', 'clerk', '--json'))).toHaveLength(2);
    expect(await items(own('agents', '--json'))).toMatchObject([
      { name: 'clerk' },
      { name: 'development' },
    ]);
    expect(JSON.stringify(await items(cli('executions', '--json')))).not.toContain(id);
    expect((await cli('run', 'clerk', 'Hi')).status).toBe(3);
    expect(await cli('run', 'clerk', 'Hi', '--tenant', 'nowhere')).toMatchObject({
      status: 3,
      stderr: expect.stringContaining("there is no tenant named 'nowhere'"),
    });
  });

  test('of an unknown agent exits 3 and lists known agents', async () => {
    const { status, stdout, stderr } = await cli('run', 'greter', 'Hi');
    expect({ status, stdout }).toEqual({ status: 3, stdout: '' });
    expect(stderr).toContain("there is no agent named 'greter'");
    expect(stderr).toContain('greeter');
  });

  test('of a failing run exits 6 with the reason', async () => {
    const { status, stdout, stderr } = await cli('run', 'broken', 'Hi');
    expect({ status, stdout }).toEqual({ status: 6, stdout: '' });
    expect(stderr).toContain('no such thing');
  });

  test('with a known --idempotency-key returns the first run', async () => {
    const first = await cli('run', 'greeter', 'Hi', '--detach', '--idempotency-key', 'order 1');
    const again = await cli('run', 'greeter', 'Hi', '--detach', '--idempotency-key', 'order 1');
    expect(again.stdout).toBe(first.stdout);
  });

  test('beyond a quota exits 5 with the time of its reset', async () => {
    await database.pool.query(
      `insert into howdah.limits (metric, period, max_value) values ('runs', 'hour', 0)`,
    );
    try {
      const { status, stdout, stderr } = await cli('run', 'greeter', 'Hi');
      expect({ status, stdout }).toEqual({ status: 5, stdout: '' });
      expect(stderr).toMatch(/at most 0 runs per hour.*it resets at/);
    } finally {
      await database.pool.query('delete from howdah.limits');
    }
  });

  test('passes input data by --data', async () => {
    const run = await cli(
      'run',
      'greeter',
      'Hi',
      '--detach',
      '--data',
      '[9007199254740993, "tea"]',
    );
    const { rows } = await database.pool.query(
      'select input_data::text as data from howdah.executions where id = $1',
      [run.stdout.trim()],
    );
    expect(rows).toEqual([{ data: '[9007199254740993, "tea"]' }]);
  });

  test('with invalid --metadata exits 2 with a hint', async () => {
    const data = await cli('run', 'greeter', 'Hi', '--data', '[tea]');
    expect(data).toMatchObject({ status: 2, stderr: expect.stringContaining('--data') });
    const { status, stderr } = await cli('run', 'greeter', 'Hi', '--metadata', '{order}');
    expect(status).toBe(2);
    expect(stderr).toContain('--metadata');
  });

  test('run-agent accepts an agent by id', async () => {
    const { rows } = await database.pool.query(`select howdah.agent('greeter') as id`);
    const { status, stdout } = await cli('run-agent', '--agent-id', rows[0].id, '--message', 'Hi');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'Hello there\n' });
    const missing = await cli('run-agent', '--agent-id', 'x', '--message', 'Hi');
    expect(missing.status).toBe(3);
  });
});

describe('an existing run', () => {
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

  test('is cancelled once, even during a model call', async () => {
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

  test('is paused and resumed', async () => {
    const id = (
      await cli('run', 'greeter', 'Hi', '--detach', '--at', '2099-01-01T00:00:00Z')
    ).stdout.trim();
    expect((await cli('pause', id)).stdout).toBe(`${id} paused\n`);
    expect((await cli('resume', id)).stdout).toBe(`${id} queued\n`);
    expect((await cli('cancel', id)).stdout).toBe(`${id} cancelled\n`);
    expect((await cli('pause', id)).status).toBe(1);
    expect(JSON.parse((await cli('retry', id, '--json')).stdout)).toMatchObject({
      id,
      status: 'queued',
    });
    expect((await cli('retry', id)).stderr).toContain('has not ended');
    await cli('cancel', id);
    const busy = (await cli('run', 'slow', 'Hi', '--detach')).stdout.trim();
    await eventually(
      database.pool,
      'it runs',
      `select 1 from howdah.executions where id = $1 and status = 'running'`,
      [busy],
    );
    expect((await cli('pause', busy)).stdout).toBe(`${busy} running, pausing\n`);
    await cli('cancel', busy);
  });

  test('is forked from one of its steps or with another input, followed or detached', async () => {
    const id = (await cli('run', 'greeter', 'Hi', '--detach')).stdout.trim();
    await cli('watch', id);
    const followed = await cli('fork', id, '--seq', '0', '--input', 'Ho');
    expect(followed).toMatchObject({ status: 0, stdout: 'Hello there\n' });
    const copy = (await cli('fork', id, '--seq', '1', '--version', '1', '--detach')).stdout.trim();
    expect(copy).not.toBe(id);
    const shown = JSON.parse((await cli('show', copy, '--json')).stdout);
    expect(shown).toMatchObject({ forked_from_execution_id: id, forked_from_seq: 1 });
    expect((await cli('fork', id)).status).toBe(2);
    expect((await cli('fork', id, '--seq', 'x')).status).toBe(2);
    const late = await cli('fork', id, '--seq', '9');
    expect(late.status).toBe(2);
    expect(late.stderr).toContain('has 2 steps');
    expect((await cli('fork', id, '--seq', '1', '--version', '7')).status).toBe(3);
  });

  test('is forked with other data, each value as JSON or as text', async () => {
    const data = '{"order": {"number": 1001, "city": "Bonn"}, "tags": ["a"]}';
    const id = (await cli('run', 'greeter', 'Hi', '--data', data, '--detach')).stdout.trim();
    await cli('watch', id);
    const dataOf = async (copy: string) => {
      const { rows } = await database.pool.query(
        'select input, input_data::text as data, forked_from_seq as seq from howdah.executions where id = $1',
        [copy],
      );
      return rows[0];
    };
    const set = (...places: string[]) =>
      cli('fork', id, '--detach', ...places.flatMap((place) => ['--set', place]));
    const changed = await set(
      ...['input.order.number=12345678901234567890', 'input.order.city=Kiel = sea'],
      ...['input_data.tags.0=null', 'input=Ho'],
    );
    expect(await dataOf(changed.stdout.trim())).toEqual({
      ...{ input: 'Ho', seq: 0 },
      data: '{"tags": [null], "order": {"city": "Kiel = sea", "number": 12345678901234567890}}',
    });
    const whole = await cli('fork', id, '--input-data', '[1]', '--detach');
    expect(await dataOf(whole.stdout.trim())).toEqual({ input: 'Hi', seq: 0, data: '[1]' });
    const followed = await cli('fork', id, '--seq', '0', '--set', 'input.tags=[]');
    expect(followed).toMatchObject({ status: 0, stdout: 'Hello there\n' });

    for (const [place, said] of [
      ['input.order.numbr=1', 'Did you mean order.number?'],
      ['order.number=1', 'Use input=TEXT'],
      ['input.order.number', 'Use input=TEXT'],
    ] as const) {
      const refused = await set(place);
      expect(refused.status).toBe(2);
      expect(refused.stderr).toContain(said);
    }
    const twice = await cli('fork', id, '--input', 'a', '--set', 'input=b');
    expect(twice.stderr).toContain('the input is given twice');
    const late = await cli('fork', id, '--seq', '1', '--set', 'input.tags=1');
    expect(late.stderr).toContain('cannot be changed after step 1');
    expect((await cli('fork', id)).stderr).toContain('--seq 0 starts from the beginning');
  });

  test('is drawn as a tree with the usage of each run', async () => {
    const root = (
      await cli('run', 'greeter', 'Hi', '--detach', '--at', '2099-01-01T00:00:00Z')
    ).stdout.trim();
    const below = async (parent: string) => {
      const { rows } = await database.pool.query(
        `insert into howdah.executions (agent_id, input, parent_execution_id, run_at)
         values (howdah.agent('slow'), 'x', $1, '2099-01-01') returning id`,
        [parent],
      );
      return rows[0].id;
    };
    const first = await below(root);
    const deep = await below(first);
    const second = await below(root);
    const { stdout } = await cli('show', deep, '--tree');
    expect(stdout.split('\n')).toEqual([
      `greeter  queued  0 tokens  ${root}`,
      `├─ slow  queued  0 tokens  ${first}`,
      `│  └─ slow  queued  0 tokens  ${deep}`,
      `└─ slow  queued  0 tokens  ${second}`,
      '',
    ]);
    const { items } = JSON.parse((await cli('show', root, '--tree', '--json')).stdout);
    expect(items.map((item: { depth: number }) => item.depth)).toEqual([0, 1, 2, 1]);
    await cli('cancel', root);
  });

  test('exits 3 for an unknown id, and 2 for a malformed id', async () => {
    const unknown = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
    for (const command of ['show', 'watch', 'cancel', 'pause', 'resume', 'retry']) {
      expect((await cli(command, unknown)).status).toBe(3);
      expect((await cli(command, '4711')).status).toBe(2);
    }
  });
});

describe('status and lists', () => {
  test('agents are listed with version and model', async () => {
    const { stdout } = await cli('agents');
    expect(stdout).toMatch(/greeter +1 +true/);
  });

  test('an unknown status exits 2 and lists known statuses', async () => {
    const { status, stderr } = await cli('executions', '--status', 'done');
    expect(status).toBe(2);
    expect(stderr).toContain('queued, running');
  });

  test('top counts and lists live runs; at a terminal until Ctrl-C', async () => {
    const { stdout: id } = await cli('run', 'greeter', 'Later', '--at', '2099-01-01', '--detach');
    const { queue, runs } = JSON.parse((await cli('top', '--json')).stdout);
    expect(queue).toContainEqual(
      expect.objectContaining({ status: 'queued', runs: expect.any(Number) }),
    );
    expect(runs).toContainEqual(
      expect.objectContaining({ id: id.trim(), agent: 'greeter', status: 'queued', steps: 0 }),
    );
    const { status, stdout } = await cli('top');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /\d+ of \d+ connections, \d+ lock waits, oldest transaction \d+ s, \d+ MB/,
    );
    expect(stdout).toMatch(/^STATUS +WAITING_FOR +RUNS/);
    expect(stdout).toContain(id.trim());
    const live = startAtTerminal(database.url, 'top', '--every', '1');
    await expect
      .poll(() => live.stdout().split('\u001b[2J').length, { timeout: 60_000 })
      .toBeGreaterThan(2); // it has polled twice
    live.interrupt();
    expect((await live.end()).status).toBe(130);
    await cli('cancel', id.trim());
  });

  test('alerts --now, top and doctor report an active alert and its runbook to an owner', async () => {
    const limit = (threshold: number) =>
      database.pool.query(
        `update howdah_private.alert_limits set threshold = $1 where name = 'connections_near_max'`,
        [threshold],
      );
    const only = await database.pool.query(
      `update howdah_private.alert_limits set is_active = (name = 'connections_near_max')`,
    );
    expect(only.rowCount).toBeGreaterThan(10);
    try {
      await limit(1_000_000);
      const well = await cli('alerts', '--now');
      expect([well.status, well.stdout]).toEqual([0, '']);
      expect(well.stderr).toContain('howdah.alerts is empty');
      await limit(0);
      const alert = { name: 'connections_near_max', severity: 'critical' };
      const now = JSON.parse((await cli('alerts', '--now', '--json')).stdout);
      expect(now.items).toEqual([expect.objectContaining(alert)]);
      expect(JSON.parse((await cli('top', '--json')).stdout).alerts).toMatchObject([alert]);
      const { status, stdout } = await cli('doctor');
      expect(status).toBe(1);
      expect(stdout).toMatch(/BAD +alerts +1, the most severe: connections_near_max of server/);
      expect(stdout).toContain('docs/operations.md#connections_near_max');
    } finally {
      await limit(85);
      await database.pool.query('update howdah_private.alert_limits set is_active = true');
    }
  });

  test('retention applies the policies immediately', async () => {
    const { id } = (
      await database.pool.query(
        `insert into howdah.retention_policies (keep_runs_days) values (1) returning id`,
      )
    ).rows[0];
    const old = (await cli('run', 'greeter', 'Long ago', '--json')).stdout
      .trim()
      .split('\n')
      .at(-1);
    const { id: run } = JSON.parse(old ?? '');
    await database.pool.query(
      `update howdah.executions set completed_at = now() - interval '2 days', started_at = now() - interval '3 days',
         created_at = now() - interval '3 days' where id = $1`,
      [run],
    );
    // empty if the worker's nightly maintenance came first
    expect(JSON.parse((await cli('retention', '--yes', '--json')).stdout)).toMatchObject({
      removed: expect.any(Number),
    });
    await expect.poll(async () => (await cli('show', run)).status).toBe(3);
    expect((await cli('retention', '--yes')).stdout).toMatch(/^0 root runs/);
    await database.pool.query('delete from howdah.retention_policies where id = $1', [id]);
  });

  test('doctor passes a healthy system and reports a violation', async () => {
    const healthy = await cli('doctor', '--json');
    expect(healthy.status).toBe(0);
    expect(JSON.parse(healthy.stdout).items).toContainEqual({
      check: 'code',
      ok: true,
      found: expect.stringMatching(/^javascript: \d+ escape attempts; python: \S/),
    });
    expect(JSON.parse(healthy.stdout).items).toContainEqual({
      check: 'connections',
      ok: true,
      found: expect.stringMatching(
        /^at most \d+ of \d+: 0 API servers with 15 each, \d+ workers with 35 each, \d+ of other clients$/,
      ),
    });
    await database.pool.query(`update howdah.sessions set title = title; begin;
      set local session_replication_role = replica;
      insert into howdah.sessions (live_execution_id) values (howdah.uuid_v7()); commit`);
    const sick = await cli('doctor');
    expect(sick.status).toBe(1);
    expect(sick.stdout).toMatch(/BAD +guarantees.*wrong_turn/);
    await database.pool.query(
      'begin; set local session_replication_role = replica; delete from howdah.sessions; commit',
    );
  });

  test('migrate status lists applied migrations', async () => {
    const { stdout } = await cli('migrate', 'status', '--json');
    expect(JSON.parse(stdout)).toMatchObject({ pending: [], sql: 'current' });
  });
});

test('an unreachable database exits 8 and names host and port, never the password', async () => {
  const url = 'postgres://me:s3cret@127.0.0.1:1/nowhere';
  const { status, stdout, stderr } = await runCli(url, 'agents');
  expect({ status, stdout }).toEqual({ status: 8, stdout: '' });
  expect(stderr).toContain('127.0.0.1:1');
  expect(stderr).not.toContain('s3cret');
});
