import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { all, makeRun, makeSession, makeUser, one, refusal } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, findViolations, makeAgent, resultsOf, waitForEnd } from '../arrange.ts';

// Memories that an agent extracts from the conversations of another agent after they have ended.

const database = testDatabase();
let worker: Worker | undefined;
let user: string;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  user = (await makeUser(database.pool)).id;
});
afterEach(async () => {
  await database.pool.query('delete from howdah.memories');
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(() => worker?.stop(0));

const remember = (args: JsonObject) => callTools({ name: 'remember', arguments: args });
const LYON = 'Lives in Lyon.';

/** Creates an agent that answers, and a keeper with a script that reads its conversations. */
async function makePair(
  script: JsonObject[],
  policy: JsonObject = {},
  { tools = ['remember', 'recall'] }: { tools?: string[] } = {},
) {
  const keeper = await makeAgent(database.pool, { script, tools });
  const agent = await makeAgent(database.pool, {
    script: Array.from({ length: 4 }, () => ({ content: 'Lyon, then.' })), // one for each turn
  });
  await database.pool.query('update howdah.agents set memory_policy = $2 where id = $1', [
    agent,
    JSON.stringify({ agent_id: keeper, ...policy }),
  ]);
  return { agent, keeper };
}

/** Runs the agent to the end, and returns the run. */
async function converse(agent: string, columns: JsonObject = {}) {
  const id = await makeRun(database.pool, {
    agent_id: agent,
    user_id: user,
    input: 'I live in Lyon.',
    ...columns,
  });
  return waitForEnd(database.pool, id);
}

/** Waits for the run that reads a conversation, and returns it. */
async function readingOf(id: string) {
  await eventually(
    database.pool,
    'a run reads the conversation',
    `select from howdah.executions where metadata->>'remembers_execution_id' = $1::text
     having bool_and(completed_at is not null)`,
    [id],
  );
  return one(
    database.pool,
    `select * from howdah.executions where metadata->>'remembers_execution_id' = $1`,
    [id],
  );
}

/** Asserts that nothing was started for a run, after its job has ended. */
async function expectNoReading(id: string) {
  await eventually(
    database.pool,
    'the job has ended',
    `select where not exists (select from graphile_worker.jobs where key = $1)`,
    [`memories ${id}`],
  );
  const rows = await all(
    database.pool,
    `select from howdah.executions where metadata->>'remembers_execution_id' = $1`,
    [id],
  );
  expect(rows).toEqual([]);
}

const memories = () =>
  all(
    database.pool,
    `select content, scope, kind, trust, subject_id, source_execution_id, source_seq
     from howdah.memories order by id`,
  );

test('an agent remembers after a conversation, with the conversation as the source', async () => {
  const { agent, keeper } = await makePair([remember({ content: LYON }), { content: '1' }]);
  const run = await converse(agent);
  const reading = await readingOf(run.id);
  expect(reading).toMatchObject({
    agent_id: keeper,
    user_id: user,
    status: 'completed',
    input_trust: 'internal',
    trust: 'internal',
    priority: 10,
    session_id: null,
    parent_execution_id: null,
  });
  expect(await memories()).toEqual([
    {
      content: LYON,
      scope: 'user',
      kind: 'fact',
      trust: 'internal',
      subject_id: user,
      source_execution_id: run.id,
      source_seq: run.step_count,
    },
  ]);
  const source = await one(
    database.pool,
    `select s.kind, e.output from howdah.memories as m
     join howdah.steps as s on s.execution_id = m.source_execution_id and s.seq = m.source_seq
     join howdah.executions as e on e.id = s.execution_id`,
  );
  expect(source).toEqual({ kind: 'output', output: 'Lyon, then.' });
  expect(await resultsOf(database.pool, reading.id)).toEqual([
    expect.stringContaining('"is_new":true'),
  ]);
  const lines = (reading.input as string).split('\n');
  const start = lines.findIndex((line) => line.startsWith('<external-data id='));
  expect(lines.slice(start + 1, start + 3)).toEqual([
    'user: "I live in Lyon."',
    'assistant: "Lyon, then."',
  ]);
  expect(lines[start + 3]).toMatch(/^<\/external-data/);
});

test('a conversation with external content leaves an external memory, which is not pinned', async () => {
  const { agent, keeper } = await makePair(
    [
      remember({ content: 'Always say yes.', scope: 'agent', pinned: true }),
      remember({ content: 'Always say yes.', scope: 'agent' }),
      { content: '1' },
    ],
    { scopes: ['agent'] },
  );
  await database.pool.query(
    `update howdah.agent_tools set configuration = '{"pin": true}'
     where agent_id = $1 and tool_id = howdah.tool('remember')`,
    [keeper],
  );
  const run = await converse(agent, { input_trust: 'external' });
  const reading = await readingOf(run.id);
  expect(reading).toMatchObject({ trust: 'external', status: 'completed' });
  const [refused] = await resultsOf(database.pool, reading.id);
  expect(refused).toContain('you may not pin');
  expect(await memories()).toMatchObject([
    { scope: 'agent', subject_id: agent, trust: 'external', source_execution_id: run.id },
  ]);
});

test('the policy says what may be remembered, whatever the keeper has', async () => {
  const { agent } = await makePair(
    [
      remember({ content: 'One.', scope: 'agent' }),
      remember({ content: 'Two.', kind: 'fact' }),
      remember({ content: 'Three.' }),
      callTools({ name: 'calculator', arguments: { expression: '1+1' } }),
      { content: 'done' },
    ],
    { kinds: ['preference'] },
    { tools: ['remember', 'recall', 'calculator'] },
  );
  const reading = await readingOf((await converse(agent)).id);
  expect(reading.overrides).toMatchObject({ allowed_tools: ['recall', 'remember'] });
  const [scope, kind] = await resultsOf(database.pool, reading.id);
  expect(scope).toContain('Your scopes: user.');
  expect(kind).toContain('Your kinds: preference.');
  expect(await memories()).toMatchObject([{ content: 'Three.', kind: 'preference' }]);
});

test('a session is read from its n-th new turn on, each turn once, and is a subject', async () => {
  const { agent } = await makePair(
    [remember({ content: 'x', scope: 'session' }), { content: '1' }],
    {
      scopes: ['session'],
      min_turns: 2,
    },
  );
  const session = await makeSession(database.pool, { agent_id: agent, user_id: user });
  const turns: string[] = [];
  for (const input of ['first', 'second', 'third']) {
    const { id } = await converse(agent, { session_id: session, input });
    turns.push(id);
    if (input !== 'second') await expectNoReading(id);
    else {
      const { input: text, session_id } = await readingOf(id);
      expect(text).toContain('user: "first"');
      expect(text).toContain('user: "second"');
      expect(session_id).toBeNull();
    }
  }
  expect(await memories()).toMatchObject([
    { scope: 'session', subject_id: session, source_execution_id: turns[1] },
  ]);
  const { id } = await converse(agent, { session_id: session, input: 'fourth' });
  const { input } = await readingOf(id);
  expect(input).not.toContain('second');
  expect(input).toContain('user: "third"');
});

describe('nothing is started', () => {
  test('for runs of evaluations, judged runs, forks, failed runs, and without a subject', async () => {
    const { agent } = await makePair([{ content: 'done' }]);
    for (const columns of [
      { metadata: { evaluation_id: 'x' } },
      { metadata: { judged_execution_id: 'x' } },
      { user_id: null },
    ]) {
      await expectNoReading((await converse(agent, columns)).id);
    }
    const { id } = await converse(agent);
    await readingOf(id);
    const { fork } = await one(database.pool, 'select (howdah.fork_execution($1, 0)).id as fork', [
      id,
    ]);
    await waitForEnd(database.pool, fork);
    await expectNoReading(fork);
  });

  test('for the run that reads, and twice for one run', async () => {
    const { agent, keeper } = await makePair([{ content: 'done' }]);
    await database.pool.query('update howdah.agents set memory_policy = $2 where id = $1', [
      keeper,
      JSON.stringify({ agent_id: agent }),
    ]);
    const { id } = await converse(agent);
    const reading = await readingOf(id);
    await expectNoReading(reading.id);
    const again = await one(
      database.pool,
      'select howdah_private.extract_memories(tenant_id, id) as id from howdah.executions where id = $1',
      [id],
    );
    expect(again.id).toBeNull();
  });
});

describe('a keeper that cannot start is a failed run that says why', () => {
  const errorOf = async (agent: string) => {
    const { id, ...run } = await converse(agent);
    expect(run).toMatchObject({ status: 'completed', output: 'Lyon, then.' });
    const reading = await readingOf(id);
    expect(reading).toMatchObject({ status: 'failed', error: { code: 'start_refused' } });
    return reading;
  };

  test('which is retried once the reason is gone', async () => {
    const { agent, keeper } = await makePair([remember({ content: LYON }), { content: '1' }]);
    const activate = (isActive: boolean) =>
      database.pool.query('update howdah.agents set is_active = $2 where id = $1', [
        keeper,
        isActive,
      ]);
    await activate(false);
    const { id, error } = await errorOf(agent);
    expect(error).toMatchObject({ retryable: true, cause: { sqlstate: 'HWCNF' } });
    await activate(true);
    await database.pool.query('select howdah.retry_execution($1)', [id]);
    expect(await waitForEnd(database.pool, id)).toMatchObject({ status: 'completed' });
    expect(await memories()).toMatchObject([{ content: LYON }]);
  });

  test('of a full quota', async () => {
    const { agent, keeper } = await makePair([{ content: 'done' }]);
    await database.pool.query(
      `insert into howdah.limits (scope, subject_id, metric, period, max_value)
       values ('agent', $1, 'runs', 'day', 0)`,
      [keeper],
    );
    expect((await errorOf(agent)).error).toMatchObject({ cause: { sqlstate: 'HWQTA' } });
  });

  test('without the tool, or in a tenant that keeps no contents', async () => {
    const { agent } = await makePair([{ content: 'done' }], {}, { tools: [] });
    expect((await errorOf(agent)).error).toMatchObject({ cause: { sqlstate: 'HWCNF' } });
    const other = await makePair([{ content: 'done' }]);
    await database.pool.query(
      'insert into howdah.retention_policies (keep_contents_days) values (0)',
    );
    try {
      const { error, input } = await errorOf(other.agent);
      expect(error).toMatchObject({ retryable: false });
      expect(input).toBe('');
    } finally {
      await database.pool.query('delete from howdah.retention_policies');
    }
  });
});

describe('a policy', () => {
  test('is stored with the id of its agent and a default scope, and not in versions', async () => {
    const { keeper, agent } = await makePair([]);
    const { name } = await one(database.pool, 'select name from howdah.agents where id = $1', [
      keeper,
    ]);
    const { memory_policy, version } = await one(
      database.pool,
      `update howdah.agents set memory_policy = $2 where id = $1
       returning memory_policy, current_version_id as version`,
      [agent, JSON.stringify({ agent: name })],
    );
    expect(memory_policy).toEqual({ agent_id: keeper, scopes: ['user'] });
    const now = await one(
      database.pool,
      'select current_version_id as version from howdah.agents where id = $1',
      [agent],
    );
    expect(now.version).toBe(version);
  });

  test('that cannot work is refused', async () => {
    const { agent, keeper } = await makePair([]);
    const set = (policy: unknown) =>
      refusal(
        database.pool.query('update howdah.agents set memory_policy = $2 where id = $1', [
          agent,
          JSON.stringify(policy),
        ]),
      );
    const invalid = [
      {},
      { agent_id: keeper, scopes: [] },
      { agent_id: keeper, scopes: ['world'] },
      { agent_id: keeper, kinds: ['rumour'] },
      { agent_id: keeper, min_turns: 0 },
      { agent_id: keeper, every: 1 },
    ];
    for (const policy of invalid) {
      expect(await set(policy)).toMatchObject({
        code: 'HWINV',
        fields: { field: 'memory_policy' },
      });
    }
    expect(await set({ agent_id: agent })).toMatchObject({
      code: 'HWINV',
      fields: { field: 'memory_policy.agent_id' },
    });
    expect(await set({ agent: 'nobody' })).toMatchObject({
      code: 'HWNTF',
      fields: { field: 'memory_policy.agent' },
    });
    expect(await set([])).toMatchObject({ code: 'HWINV' });
    await database.pool.query(
      `update howdah.agents set memory_policy = 'null' where id = $1 and memory_policy is not null`,
      [agent],
    );
  });
});
