import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import type { WorkerScope } from '../../src/db/worker/worker-scope.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { runCli } from '../cli/run-cli.ts';
import {
  addTool,
  callTools,
  childrenOf,
  executionOf,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  makeAgentTool,
  waitForEnd,
  waitForStatus,
} from '../runtime/arrange.ts';
import { makeTeam } from '../runtime/teams.ts';
import { makeTenant, type Tenant } from '../runtime/tenants.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { reportUsable } from '../support/usable-providers.ts';
import { startTestWorker } from '../support/worker.ts';
import { killWorkerProcesses, startWorkerProcess } from './worker-process.ts';

const db = testDatabase();
const servers: FakeServer[] = [];
const workers: Worker[] = [];
const tenants: Tenant[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop(0)));
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await Promise.all(tenants.splice(0).map((tenant) => tenant.pool.end()));
  await db.pool.query(
    'select howdah.cancel_execution(id) from howdah.executions where completed_at is null and depth = 0',
  );
  expect(await findViolations(db.pool)).toEqual([]);
});
// `howdah worker` has no key, so another worker must report one
beforeAll(() => reportUsable(db.pool, 'openai'));
afterAll(async () => {
  killWorkerProcesses();
});

/** Runs a worker until nothing is due, and returns its output. */
async function runWorkerOnce(...only: string[]): Promise<string> {
  const words = only.flatMap((term) => ['--only', term]);
  const { status, stderr } = await runCli(db.url, 'worker', '--once', ...words);
  expect(status, stderr).toBe(0);
  return stderr;
}

async function nameOf(table: 'agents' | 'workflows', id: string): Promise<string> {
  return (await db.pool.query(`select name from howdah.${table} where id = $1`, [id])).rows[0].name;
}

async function tenantScope(members: string[]): Promise<WorkerScope> {
  const { rows } = await db.pool.query('select howdah.current_tenant() as id');
  return { tenants: [rows[0].id], members };
}

async function start(scope: WorkerScope, openai?: string): Promise<void> {
  workers.push(await startTestWorker(db.url, { scope, ...(openai ? { openai } : {}) }));
}

const makeAnswerer = (content = 'done') => makeAgent(db.pool, { script: [{ content }] });

/** Makes an agent whose only question is answered by another agent. */
async function makeAsker(other: string): Promise<string> {
  const tool = await makeAgentTool(db.pool, other);
  const agent = await makeAgent(db.pool, {
    script: [callTools({ name: tool, arguments: { message: 'help' } }), { content: 'helped' }],
  });
  await addTool(db.pool, agent, tool);
  return agent;
}

describe('howdah worker --only', () => {
  test('agent=NAME: executes runs of that agent and leaves others queued, each with its wake-up', async () => {
    const [mine, others] = [await makeAnswerer('mine'), await makeAnswerer('others')];
    const left = await Promise.all(Array.from({ length: 10 }, () => insertRun(db.pool, others)));
    const done = await Promise.all(Array.from({ length: 10 }, () => insertRun(db.pool, mine)));
    const name = await nameOf('agents', mine);
    expect(await runWorkerOnce(`agent=${name}`)).toContain(`only for agent ${name}`);
    for (const id of done) {
      expect(await executionOf(db.pool, id)).toMatchObject({ status: 'completed', output: 'mine' });
    }
    for (const id of left) {
      expect(await executionOf(db.pool, id)).toMatchObject({ status: 'queued', fence: 0 });
    }
    const { rows } = await db.pool.query(
      `select j.key::uuid as id from graphile_worker.jobs as j where j.task_identifier = 'advance' and j.attempts = 0 order by 1`,
    );
    expect(rows.map(({ id }) => id)).toEqual(left.toSorted());
    await runWorkerOnce();
    expect((await executionOf(db.pool, left[0] as string)).status).toBe('completed');
  });

  test('tenant=SLUG: one or several, and an agent of one of them by its name', async () => {
    for (const name of ['blue', 'red', 'green']) tenants.push(await makeTenant(db, name));
    const ids: string[] = [];
    for (const tenant of tenants) {
      const agent = await makeAgent(tenant.pool, { script: [{ content: tenant.name }] });
      await tenant.pool.query(`update howdah.agents set name = 'helper' where id = $1`, [agent]);
      ids.push(await insertRun(tenant.pool, agent));
    }
    const statuses = async () =>
      Promise.all(ids.map(async (id) => (await executionOf(db.pool, id)).status));
    await runWorkerOnce('tenant=blue', 'agent=helper');
    expect(await statuses()).toEqual(['completed', 'queued', 'queued']);
    await runWorkerOnce('tenant=red', 'tenant=blue');
    expect(await statuses()).toEqual(['completed', 'completed', 'queued']);
    const { rows } = await db.pool.query(`select id from howdah.tenants where slug = 'green'`);
    await runWorkerOnce(`tenant=${rows[0].id}`);
    expect(await statuses()).toEqual(['completed', 'completed', 'completed']);
  });

  test('the child runs of selected runs complete, whichever agent they belong to', async () => {
    const child = await makeAnswerer('looked it up');
    const parent = await makeAsker(child);
    const id = await insertRun(db.pool, parent);
    const alone = await insertRun(db.pool, child);
    await runWorkerOnce(`agent=${parent}`); // selected by its id
    expect(await executionOf(db.pool, id)).toMatchObject({ status: 'completed', output: 'helped' });
    expect((await executionOf(db.pool, alone)).status).toBe('queued');
  });

  test('workflow=NAME: with all its members', async () => {
    const member = await makeAnswerer('a part');
    const workflow = await makeTeam(db.pool, { type: 'chain', members: [{ agent: member }] });
    const { rows } = await db.pool.query(
      `insert into howdah.executions (workflow_id, input) values ($1, 'go') returning id`,
      [workflow],
    );
    const other = await insertRun(db.pool, member);
    await runWorkerOnce(`workflow=${await nameOf('workflows', workflow)}`);
    expect(await executionOf(db.pool, rows[0].id)).toMatchObject({
      status: 'completed',
      output: 'a part',
    });
    expect((await executionOf(db.pool, other)).status).toBe('queued');
  });

  test('its own child continues when the worker of the parent is gone, the parent does not', async () => {
    const server = await startOpenAiServer(({ index }) =>
      index === 0 ? { stall: 'before_headers' } : { content: 'looked it up' },
    );
    servers.push(server);
    const child = await makeAgent(db.pool, { models: [{ provider: 'openai' }] });
    const parent = await insertRun(db.pool, await makeAsker(child));
    const first = await startWorkerProcess(db.url, { openai: server.url });
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(1);
    first.signal('SIGKILL');
    await first.ended;
    await start(await tenantScope([child]), server.url);
    const [mine] = await childrenOf(db.pool, parent);
    expect(await waitForEnd(db.pool, mine?.id as string)).toMatchObject({ output: 'looked it up' });
    expect((await executionOf(db.pool, parent)).status).toBe('queued');
    await runWorkerOnce();
    expect(await executionOf(db.pool, parent)).toMatchObject({ output: 'helped' });
  });

  test('a killed worker is replaced by another one with the same scope', async () => {
    const server = await startOpenAiServer(({ index }) =>
      index < 5 ? { stall: 'before_headers' } : { content: 'answered' },
    );
    servers.push(server);
    const agent = await makeAgent(db.pool, { models: [{ provider: 'openai' }] });
    const scope = await tenantScope([agent]);
    const other = await insertRun(db.pool, await makeAnswerer());
    const ids = await Promise.all(Array.from({ length: 5 }, () => insertRun(db.pool, agent)));
    const victim = await startWorkerProcess(db.url, { openai: server.url, scope });
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(5);
    await start(scope, server.url);
    victim.signal('SIGKILL');
    for (const id of ids) {
      expect(await waitForEnd(db.pool, id)).toMatchObject({
        status: 'completed',
        output: 'answered',
      });
      expect(await kindsOf(db.pool, id)).toBe('model output');
    }
    expect((await executionOf(db.pool, other)).status).toBe('queued');
  });

  test('answers of people, retries and timers work without any other worker', async () => {
    const server = await startOpenAiServer(({ index }) =>
      index === 0 ? { status: 503 } : { content: 'at the second try' },
    );
    servers.push(server);
    const retrying = await makeAgent(db.pool, { models: [{ provider: 'openai' }] });
    const question = await makeAgent(db.pool, {
      script: [
        callTools({ name: 'ask_user', arguments: { question: 'Red?' } }),
        { content: 'painted' },
      ],
      tools: ['ask_user'],
    });
    await start(await tenantScope([retrying, question]), server.url);
    const [first, second] = [
      await insertRun(db.pool, retrying),
      await insertRun(db.pool, question),
    ];
    await waitForStatus(db.pool, second, 'waiting');
    await db.pool.query(
      `select howdah.answer_question(q.id, 'yes') from howdah.questions as q where q.execution_id = $1`,
      [second],
    );
    expect(await waitForEnd(db.pool, second)).toMatchObject({ output: 'painted' });
    expect(await waitForEnd(db.pool, first)).toMatchObject({ output: 'at the second try' });
    const { rows } = await db.pool.query(
      `insert into howdah.executions (agent_id, input, run_at) values ($1, 'go', clock_timestamp() + interval '1 second') returning id`,
      [retrying],
    );
    expect((await waitForEnd(db.pool, rows[0].id)).status).toBe('completed');
  });

  test('room that a run frees is used at once', async () => {
    const server = await startOpenAiServer(() => ({ content: 'done' }));
    servers.push(server);
    const agent = await makeAgent(db.pool, { models: [{ provider: 'openai' }] });
    const scope = await tenantScope([agent]);
    workers.push(await startTestWorker(db.url, { scope, openai: server.url, concurrency: 2 }));
    const { rows } = await db.pool.query(
      `insert into howdah.executions (agent_id, input) select $1, 'go' from generate_series(1, 200) returning id`,
      [agent],
    );
    await eventually(
      db.pool,
      'all are done',
      `select from howdah.executions where id = any ($1) and status = 'completed' having count(*) = 200`,
      [rows.map(({ id }) => id)],
    );
  });
});

describe('values of --only', () => {
  test('an unknown name is rejected with the existing ones, before anything starts', async () => {
    for (const [term, said] of [
      ['tenant=nobody', `there is no tenant named 'nobody'`],
      ['agent=nobody', `there is no agent named 'nobody'`],
      ['workflow=nobody', `there is no workflow named 'nobody'`],
      ['agent=018f0000-0000-7000-8000-000000000000', 'there is no agent named'],
    ] as const) {
      const { status, stderr } = await runCli(db.url, 'worker', '--once', '--only', term);
      expect(status, term).toBe(3);
      expect(stderr).toContain(said);
    }
    const { stderr } = await runCli(db.url, 'worker', '--only', 'tenant=nobody');
    expect(stderr).toContain('There are: ');
    expect(stderr).toContain('default');
    const { rows } = await db.pool.query(
      'select count(*)::int as workers from howdah_private.workers',
    );
    expect(rows[0].workers).toBe(0);
  });

  test.each(['nothing', 'tenant', 'tenant=', '=acme', 'user=ann', ''])(
    '%j is not a scope',
    async (term) => {
      const { status, stderr } = await runCli(db.url, 'worker', '--only', term);
      expect(status).toBe(2);
      expect(stderr).toContain('tenant=SLUG, agent=NAME or workflow=NAME');
    },
  );
});
