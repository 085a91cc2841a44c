import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { connect } from '../../../src/index.ts';
import { runCli } from '../../cli/run-cli.ts';
import { all, makeAgent, makeApiKey, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// Starts runs with a concurrency key and a debounce key through every interface. Runs and errors
// are equal.

const db = testDatabase();
let api: ApiServer;
let agent: string;
let agent_id: string;
let token: string;

beforeAll(async () => {
  const { id: tenant } = await one(db.pool, `select id from howdah.tenants where slug = 'default'`);
  token = (await makeApiKey(db.pool, tenant, { scopes: ['read', 'run'] })).key;
  api = await startTestApi(db.url, tokenOptions);
});
afterAll(async () => {
  await api?.close();
});
beforeEach(async () => {
  agent_id = await makeAgent(db.pool);
  agent = (await one(db.pool, 'select name from howdah.agents where id = $1', [agent_id])).name;
});

type Keys = { concurrency_key?: string; debounce_key?: string; debounce_ms?: number };
type StartOutcome = { id: string } | { code: string; field?: string };

const variables = (input: string, { concurrency_key, debounce_key, debounce_ms }: Keys) => ({
  input,
  of: concurrency_key,
  key: debounce_key,
  ms: debounce_ms,
});
const RUN = `mutation ($agent: String!, $input: String!, $of: String, $key: String, $ms: Int) {
  run(input: {agent: $agent, input: $input, concurrencyKey: $of, debounceKey: $key, debounceMs: $ms}) { result { id } }
}`;
const CREATE = `mutation ($agent: UUID!, $input: String!, $of: String, $key: String, $ms: Int) {
  createExecution(input: {execution: {agentId: $agent, input: $input, concurrencyKey: $of, debounceKey: $key, debounceMs: $ms}}) { execution { id input } }
}`;
const outcomeOfErrors = (errors: { extensions: Record<string, unknown> }[]): StartOutcome => {
  const { code, detail } = (errors[0]?.extensions ?? {}) as {
    code: string;
    detail?: { field?: string };
  };
  return { code, field: detail?.field ?? '' };
};
const overRest = async (body: object, headers?: Record<string, string>): Promise<StartOutcome> => {
  const { body: got } = await call(api, 'POST', '/api/execute', body, {
    token,
    ...(headers && { headers }),
  });
  return got.execution_id ? { id: got.execution_id } : { code: got.code, field: got.field };
};
const line = (message: string, keys: Keys) => [
  ...['run', agent, message, '--detach', '--json'],
  ...Object.entries(keys).flatMap(([name, value]) => [`--${name.replace('_', '-')}`, `${value}`]),
];
const outcomeOfOutput = ({ stdout, stderr }: { stdout: string; stderr: string }): StartOutcome => {
  if (stdout) return JSON.parse(stdout);
  const { code, detail } = JSON.parse(stderr).error;
  return { code, field: detail?.field };
};

const endpoints: Record<string, (message: string, keys: Keys) => Promise<StartOutcome>> = {
  'GraphQL run': async (message, keys) => {
    const { data, errors } = await ask(api, RUN, { agent, ...variables(message, keys) }, token);
    return data?.run?.result ?? outcomeOfErrors(errors);
  },
  'GraphQL createExecution': async (message, keys) => {
    const sent = { agent: agent_id, ...variables(message, keys) };
    const { data, errors } = await ask(api, CREATE, sent, token);
    if (data?.createExecution) expect(data.createExecution.execution.input).toBe(message);
    return data?.createExecution?.execution ?? outcomeOfErrors(errors);
  },
  'REST, by name': (message, keys) => overRest({ agent, message, ...keys }),
  'REST, by id': (message, keys) => overRest({ agent_id, message, ...keys }),
  'REST, with a header Idempotency-Key': (message, keys) =>
    overRest({ agent, message, ...keys }, { 'idempotency-key': `${agent} ${message}` }),
  'the client': (message, keys) =>
    connect(api.url, { token })
      .agent(agent)
      .run(message, keys)
      .then(
        (id) => ({ id }),
        ({ code, detail }) => ({ code, field: detail?.field }),
      ),
  'the command line, over the API': async (message, keys) => {
    process.env.HOWDAH_API_KEY = token;
    try {
      const unreachableUrl = 'postgresql://127.0.0.1:1/nowhere';
      return outcomeOfOutput(
        await runCli(unreachableUrl, ...line(message, keys), '--api', api.url),
      );
    } finally {
      delete process.env.HOWDAH_API_KEY;
    }
  },
  'the command line': async (message, keys) =>
    outcomeOfOutput(await runCli(db.url, ...line(message, keys))),
};

describe.each(Object.keys(endpoints))('%s', (endpoint) => {
  const begin = (message: string, keys: Keys) =>
    (endpoints[endpoint] as (typeof endpoints)[string])(message, keys);

  test('returns one run per debounce key, with the newest input', async () => {
    const keys = { concurrency_key: 'customer-42', debounce_key: 'k', debounce_ms: 3_600_000 };
    const { id } = (await begin('one', keys)) as { id: string };
    expect(await begin('two', keys)).toMatchObject({ id });
    expect(
      await all(
        db.pool,
        `select id, input, concurrency_key, debounce_key, debounce_ms,
           run_at > now() + interval '59 minutes' as waits
         from howdah.executions where agent_id = $1`,
        [agent_id],
      ),
    ).toEqual([{ id, input: 'two', ...keys, waits: true }]);
  });

  test.each<[Keys, string]>([
    [{ debounce_key: 'k' }, 'debounce_ms'],
    [{ debounce_ms: 5 }, 'debounce_key'],
    [{ debounce_key: ' ', debounce_ms: 5 }, 'debounce_key'],
    [{ concurrency_key: 'x'.repeat(501) }, 'concurrency_key'],
  ])('rejects %j', async (keys, field) => {
    expect(await begin('one', keys)).toMatchObject({ code: 'HWINV', field });
    expect(
      await all(db.pool, 'select from howdah.executions where agent_id = $1', [agent_id]),
    ).toEqual([]);
  });
});

describe('over REST', () => {
  test('a request repeated with its Idempotency-Key does not replace newer input', async () => {
    const keys = { debounce_key: 'k', debounce_ms: 3_600_000 };
    const send = (message: string) =>
      overRest({ agent, message, ...keys }, { 'idempotency-key': `${agent} ${message}` });
    const first = await send('one');
    expect(await send('two')).toEqual(first);
    expect(await send('one')).toEqual(first);
    const { body } = await call(
      api,
      'GET',
      `/api/executions/${(first as { id: string }).id}`,
      undefined,
      { token },
    );
    expect(body).toMatchObject({ input: 'two', debounce_key: 'k', concurrency_key: null });
  });

  test('an invalid window, and two kinds of keys together, are rejected', async () => {
    const keys = { debounce_key: 'k', debounce_ms: 5 };
    expect(await overRest({ agent, message: 'x', ...keys, debounce_ms: 0 })).toMatchObject({
      code: 'HWINV',
      field: 'debounce_ms',
    });
    expect(await overRest({ agent, message: 'x', ...keys, idempotency_key: 'i' })).toMatchObject({
      code: 'HWINV',
      field: 'idempotency_key',
    });
  });

  test('a workflow accepts the keys, too', async () => {
    const { id: workflow_id, name: workflow } = await one(
      db.pool,
      `insert into howdah.workflows (name, type) values ('w ' || $1, 'chain') returning id, name`,
      [agent],
    );
    await db.pool.query(
      'insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order) values ($1, $2, 1)',
      [workflow_id, agent_id],
    );
    const keys = { concurrency_key: 'c', debounce_key: 'k', debounce_ms: 3_600_000 };
    const first = await overRest({ workflow, message: 'one', ...keys });
    expect(first).toHaveProperty('id');
    expect(await overRest({ workflow_id, message: 'two', ...keys })).toEqual(first);
    const callback_url = 'https://example.com/done';
    expect(await overRest({ workflow, message: 'three', callback_url, ...keys })).toEqual(first);
  });
});

describe('the CLI', () => {
  test('rejects a window that is not a positive whole number of milliseconds', async () => {
    for (const ms of ['0', '-1', '1.5', 'soon']) {
      const { status, stderr } = await runCli(
        db.url,
        ...['run', agent, 'x', '--debounce-key', 'k', `--debounce-ms=${ms}`],
      );
      expect({ ms, status }).toEqual({ ms, status: 2 });
      expect(stderr).toContain('milliseconds');
    }
  });
});

test('runs are found by their concurrency key over GraphQL', async () => {
  const concurrency_key = `customer of ${agent}`;
  const { id } = await one(
    db.pool,
    'insert into howdah.executions (agent_id, input, concurrency_key) values ($1, $2, $3) returning id',
    [agent_id, 'hi', concurrency_key],
  );
  await db.pool.query('insert into howdah.executions (agent_id, input) values ($1, $2)', [
    agent_id,
    'without a key',
  ]);
  expect(
    await ask(
      api,
      'query ($key: String!) { executions(condition: { concurrencyKey: $key }) { nodes { id } } }',
      { key: concurrency_key },
      token,
    ),
  ).toMatchObject({ errors: [], data: { executions: { nodes: [{ id }] } } });
});

test('a limit per key is created and read over GraphQL', async () => {
  const { id: tenant } = await one(db.pool, `select id from howdah.tenants where slug = 'default'`);
  const admin = (await makeApiKey(db.pool, tenant, { role: 'admin' })).key;
  const made = await ask(
    api,
    `mutation { createLimit(input: {limit: {scope: key, key: "customer-42", metric: running_runs, maxValue: "1"}}) { limit { id key usage { used waiting } } } }`,
    {},
    admin,
  );
  expect(made).toMatchObject({
    data: { createLimit: { limit: { key: 'customer-42', usage: { used: '0', waiting: 0 } } } },
  });
  await db.pool.query('delete from howdah.limits');
});
