import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Worker } from '../../../../workers/start-worker.ts';
import { makeAgent, makeRun, makeTenant, unique } from '../../../sql/support.ts';
import { eventually, testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { runCli, startCli } from '../../run-cli.ts';

const database = testDatabase();
let worker: Worker;
const login = `howdah_test_${randomBytes(6).toString('hex')}`;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  await database.pool.query(`
    insert into howdah.models (name, provider, model) values ('script', 'scripted', 'script');
    insert into howdah.agents (name, instruction) values ('greeter', 'Greet.'), ('broken', 'Fail.'), ('slow', 'Take your time.');
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
  await database.pool.query(`delete from howdah_private.login_tenants where login = '${login}'`);
  await database.pool.query(`drop role if exists ${login}`);
});

const cli = (...argv: string[]) => runCli(database.url, ...argv);
const linesOf = (text: string) => text.split('\n').filter((line) => line !== '');

/** Runs an agent to its end. Returns the id of the run and its name in a log. */
async function runAgent(agent: string): Promise<{ id: string; name: string }> {
  const { rows } = await database.pool.query<{ id: string }>(
    `select r.id::uuid as id from howdah.run($1, 'Hi') as r`,
    [agent],
  );
  const id = rows[0]?.id ?? '';
  await eventually(
    database.pool,
    `${agent} ends`,
    'select from howdah.executions where id = $1 and completed_at is not null',
    [id],
  );
  return { id, name: id.slice(-12) };
}

describe('howdah logs', () => {
  test('prints one line per step, of all runs or of selected runs', async () => {
    const [good, bad] = [await runAgent('greeter'), await runAgent('broken')];
    const { status, stdout, stderr } = await cli('logs');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(
      new RegExp(`^[-\\d]{10}T[:.\\d]{12}Z  ${good.name}  greeter  1  model script  \\d+ ms`, 'm'),
    );
    expect(stdout).toMatch(new RegExp(`${good.name}  greeter  2  output  \\d+ ms$`, 'm'));
    expect(stdout).toMatch(
      new RegExp(`${bad.name}  broken  1  retry script  .*no such thing$`, 'm'),
    );
    expect(stdout).toMatch(new RegExp(`${bad.name}  broken  2  error  .*no such thing$`, 'm'));
    expect(stdout).not.toContain('Hello there');
    const times = linesOf(stdout).map((line) => line.split('  ')[0]);
    expect(times).toEqual(times.toSorted());

    const only = async (...argv: string[]) => (await cli('logs', ...argv)).stdout;
    for (const argv of [['--errors'], ['--status', 'failed'], ['--agent', 'broken'], [bad.id]]) {
      const output = await only(...argv);
      expect(output, argv.join(' ')).toContain(bad.name);
      expect(output, argv.join(' ')).not.toContain(good.name);
    }
    expect(linesOf(await only(good.id))).toHaveLength(2);
    const newest = await cli('logs', good.id, '--limit', '1');
    expect(newest).toMatchObject({
      stdout: expect.stringMatching(/^\S+ {2}\w+ {2}greeter {2}2 {2}output [^\n]*\n$/),
      stderr: 'Earlier steps are not shown. To show more: --limit 10\n',
    });
    const [first] = linesOf(await only(good.id, '--json')).map((line) => JSON.parse(line));
    expect(first).toMatchObject({
      ...{ type: 'step', execution_id: good.id, seq: 1, agent: 'greeter', kind: 'model' },
      ...{ ms: expect.any(Number), tokens_in: expect.any(Number), error: null },
    });
  });

  test('selects the runs of a session or of a tenant', async () => {
    const { id, name } = await runAgent('greeter');
    const { rows: sessions } = await database.pool.query<{ id: string }>(
      `insert into howdah.sessions (agent_id) values (howdah.agent('greeter')) returning id`,
    );
    const { rows } = await database.pool.query<{ session: string; run: string }>(
      `select r.session_id as session, r.id::uuid as run from howdah.run('greeter', 'Hi', session_id => $1) as r`,
      [sessions[0]?.id],
    );
    const [{ session, run } = { session: '', run: '' }] = rows;
    await eventually(
      database.pool,
      'the turn ends',
      'select from howdah.executions where id = $1 and completed_at is not null',
      [run],
    );
    const result = await cli('logs', '--session', session);
    expect(result.stdout).toContain(run.slice(-12));
    expect(result.stdout).not.toContain(name);
    const other = unique('other');
    await makeTenant(database.pool, other);
    expect(await cli('logs', '--tenant', other)).toMatchObject({
      ...{ status: 0, stdout: '' },
      stderr: 'No steps match in the last hour. To look further back: --since 7d\n',
    });
    expect(await cli('logs', '--tenant', other, '--session', session)).toMatchObject({
      ...{ status: 3, stdout: '' },
      stderr: expect.stringContaining(
        `there is no session ${session}\n hint: The session of a run`,
      ),
    });
    expect((await cli('logs', '--since', '2099-01-01')).stderr).toBe('No steps match.\n');

    await database.pool.query(
      `create role ${login} login password 'secret'; grant howdah_app to ${login}`,
    );
    await database.pool.query(
      `insert into howdah_private.login_tenants (login, tenant_id, role)
       select '${login}', t.id, 'member' from howdah.tenants as t where t.slug = '${other}'`,
    );
    const url = new URL(database.url);
    Object.assign(url, { username: login, password: 'secret' });
    expect(await runCli(url.href, 'logs')).toMatchObject({ status: 0, stdout: '' });
    expect(await runCli(url.href, 'logs', id)).toMatchObject({ status: 3, stdout: '' });
  });

  test.each([
    [
      ['01a1f805-7e9f-729f-9dc6-14d018338ca2', '--agent', 'greeter'],
      2,
      /--agent selects runs and cannot be combined with the id of a run/,
    ],
    [['01a1f805-7e9f-729f-9dc6-14d018338ca2'], 3, /there is no execution/],
    [['--agent', 'nobody'], 3, /The agents of this tenant/],
    [['--workflow', 'nobody'], 3, /nobody/],
    [['--status', 'done'], 2, /Use one of queued/],
    [['--since', 'yesterday'], 2, /such as 30m/],
    [['--session', '4711'], 2, /4711 is not the id of a session/],
    [['--limit', '0'], 2, /whole number of 1 or more/],
  ])('%j exits %i', async (argv, status, said) => {
    expect(await cli('logs', ...argv)).toMatchObject({
      ...{ status, stdout: '' },
      stderr: expect.stringMatching(said),
    });
  });
});

describe('howdah logs --follow', () => {
  test('prints each step as it commits, without duplicates', async () => {
    const before = await runAgent('greeter');
    const following = startCli(database.url, 'logs', '--follow', '--json', '--limit', '1');
    await vi.waitFor(() => expect(following.stdout()).toContain(before.id), 60_000);
    const runs = [await runAgent('greeter'), await runAgent('broken'), await runAgent('greeter')];
    for (const { id } of runs) {
      await vi.waitFor(() => expect(following.stdout()).toContain(id), 60_000);
    }
    following.interrupt();
    const { status, stdout } = await following.end();
    expect(status).toBe(130);
    const steps = linesOf(stdout).map((line) => JSON.parse(line));
    expect(steps[0]).toMatchObject({ execution_id: before.id, kind: 'output' });
    for (const { id } of [before, ...runs]) {
      const seqs = steps.filter((step) => step.execution_id === id).map(({ seq }) => seq);
      expect(seqs).toEqual([...new Set(seqs)].toSorted());
    }
    expect(steps.filter((step) => step.execution_id === before.id)).toHaveLength(1);
    expect(steps.find((step) => step.execution_id === runs[1]?.id)).toMatchObject({ seq: 1 });
  });

  test('ends with its run when following one run', async () => {
    const { rows } = await database.pool.query<{ id: string }>(
      `select r.id::uuid as id from howdah.run('slow', 'Hi') as r`,
    );
    const id = rows[0]?.id ?? '';
    const following = startCli(database.url, 'logs', id, '--follow');
    await database.pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await following.waitForReturn()).toBe(0);
  });

  test('prints only errors with --errors', async () => {
    const following = startCli(database.url, 'logs', '-f', '--errors');
    const good = await runAgent('greeter');
    const bad = await runAgent('broken');
    const end = new RegExp(`${bad.name} {2}broken {2}2 {2}error `);
    await vi.waitFor(() => expect(following.stdout()).toMatch(end), 60_000);
    following.interrupt();
    const { stdout } = await following.end();
    expect(stdout).not.toContain(good.name);
    expect(linesOf(stdout).filter((line) => line.includes(bad.name))).toHaveLength(2);
  });

  test('follows another tenant, or one run of another tenant', async () => {
    const slug = unique('other');
    const tenant_id = await makeTenant(database.pool, slug);
    const agent_id = await makeAgent(database.pool, { tenant_id });
    const following = startCli(database.url, 'logs', '--follow', '--json', '--tenant', slug);
    const own = await runAgent('greeter');
    const id = await makeRun(database.pool, { tenant_id, agent_id });
    const one = startCli(database.url, 'logs', id, '--follow', '--json');
    expect(await one.waitForReturn()).toBe(0);
    const steps = linesOf(one.stdout()).map((line) => JSON.parse(line));
    expect(steps.map(({ execution_id, seq }) => [execution_id, seq])).toEqual([
      [id, 1],
      [id, 2],
    ]);
    await vi.waitFor(() => expect(linesOf(following.stdout())).toHaveLength(2), 60_000);
    following.interrupt();
    const { stdout } = await following.end();
    expect(stdout).toContain(id);
    expect(stdout).not.toContain(own.id);
  });
});
