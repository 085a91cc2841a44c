import { GraphQLError, getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WEIGHTS } from '../../../src/api/graphql/limits/weights.ts';
import { createMaskError } from '../../../src/api/graphql/mask-errors.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { all, makeAgent, makeModel, makeRun } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, driveRun, follow, openSocket, startTestApi } from '../harness.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});

afterAll(async () => {
  await api?.close();
});

async function failure(query: string, variables: object = {}) {
  const { errors } = await ask(api, query, variables);
  expect(errors.slice(1)).toEqual([]);
  return errors[0];
}

const CREATE = `mutation ($agentId: UUID!) {
  createExecution(input: { execution: { agentId: $agentId, input: "hi" } }) { execution { id } }
}`;
const NOBODY = '01980000-0000-7000-8000-000000000000';

describe('errors of Howdah carry code, hint and detail', () => {
  test('an unknown agent by name', async () => {
    const error = await failure(
      'mutation { run(input: { agent: "nobody", input: "hi" }) { query { nodeId } } }',
    );
    expect(error?.message).toBe("there is no agent named 'nobody'");
    expect(error?.extensions).toMatchObject({ code: 'HWNTF', detail: { agent: 'nobody' } });
    expect(error?.extensions.hint).toContain('development');
  });

  test('an unknown agent by id', async () => {
    const error = await failure(CREATE, { agentId: NOBODY });
    expect(error?.extensions).toMatchObject({ code: 'HWNTF', detail: { agent_id: NOBODY } });
    expect(error?.extensions.hint).toBeTypeOf('string');
  });

  test('an inactive agent', async () => {
    const agentId = await makeAgent(db.pool, { is_active: false });
    expect((await failure(CREATE, { agentId }))?.extensions.code).toBe('HWCNF');
  });

  test('a run that has ended', async () => {
    const id = await makeRun(db.pool);
    await (await driveRun(db.pool, id)).finish();
    const error = await failure(
      'mutation ($id: UUID!) { cancelExecution(input: { id: $id }) { query { nodeId } } }',
      { id },
    );
    expect(error?.extensions.code).toBe('HWTRM');
  });
});

describe('Postgres errors that a client causes', () => {
  test('a row that already exists', async () => {
    await makeModel(db.pool, { name: 'twice' });
    const error = await failure(
      'mutation { createModel(input: { model: { name: "twice", provider: "local", model: "m" } }) { query { nodeId } } }',
    );
    expect(error?.extensions).toEqual({
      code: 'HWCNF',
      hint: 'Use another name, or change the existing row.',
      detail: { table: 'models', constraint: 'models_tenant_id_name_key', field: 'name' },
    });
    expect(error?.message).toBe('a row with this name already exists');
  });

  test('a duplicate name in a table with soft deletion', async () => {
    const prompt = 'createPrompt(input: { prompt: { name: "twice", template: "Hello." } })';
    await ask(api, `mutation { ${prompt} { query { nodeId } } }`);
    const error = await failure(`mutation { ${prompt} { query { nodeId } } }`);
    expect(error?.message).toBe('a row with this name already exists');
    expect(error?.extensions.hint).toBe('Use another name, or change the existing row.');
  });

  test.each([
    '{ scope: key, key: "customer-42", metric: running_runs, maxValue: "1" }',
    '{ scope: key, metric: running_runs, maxValue: "1" }',
    '{ metric: runs, period: day, maxValue: "1000000" }',
    '{ scope: user, metric: cost, maxValue: "1000000" }',
  ])('a second limit with the same scope, metric and period: %s', async (limit) => {
    const create = `mutation { createLimit(input: { limit: ${limit} }) { limit { id } } }`;
    expect(await ask(api, create)).toHaveProperty('data.createLimit.limit.id');
    const { errors } = await ask(api, create);
    expect(errors).toMatchObject([
      {
        extensions: {
          code: 'HWCNF',
          hint: expect.stringContaining('max_value'),
          detail: { table: 'limits', field: 'scope, subject_id, key, metric, period' },
        },
      },
    ]);
    await db.pool.query('delete from howdah.limits');
  });

  test('a violated constraint has a readable message', async () => {
    const error = await failure(
      'mutation { createAgent(input: { agent: { name: "x", maxSteps: 0 } }) { query { nodeId } } }',
    );
    expect(error?.extensions).toEqual({
      code: 'HWINV',
      hint: expect.stringContaining('positive numbers'),
      detail: {
        table: 'agents',
        fields: expect.arrayContaining(['max_steps']),
        constraint: 'limits_are_positive',
      },
    });
    expect(error?.message).toBe('limits must be positive');
  });

  test('an id of a missing row', async () => {
    const modelId = NOBODY;
    const agentId = await makeAgent(db.pool);
    const error = await failure(
      `mutation ($agentId: UUID!, $modelId: UUID!) {
        createAgentModel(input: { agentModel: { agentId: $agentId, modelId: $modelId } }) { query { nodeId } }
      }`,
      { agentId, modelId },
    );
    expect(error?.extensions).toMatchObject({
      code: 'HWNTF',
      hint: expect.any(String),
      detail: { table: 'agent_models', field: 'model_id' },
    });
    expect(error?.message).toBe(
      'model_id of agent_models does not exist: there is no such row in models',
    );
  });

  test('updating and deleting a missing row fail, and another mutation in the document still takes effect', async () => {
    const { data, errors } = await ask(
      api,
      `mutation ($id: UUID!) {
        nowhere: updateAgent(input: { id: $id, patch: { description: "x" } }) { clientMutationId agent { id } }
        gone: deleteModel(input: { id: $id }) { deletedModelNodeId }
        there: createPrompt(input: { prompt: { name: "beside", template: "x" } }) { prompt { name } }
      }`,
      { id: NOBODY },
    );

    expect(data).toEqual({ nowhere: null, gone: null, there: { prompt: { name: 'beside' } } });
    expect(errors.map(({ message, extensions }) => ({ message, code: extensions.code }))).toEqual([
      { message: 'there is no such row in agents', code: 'HWNTF' },
      { message: 'there is no such row in models', code: 'HWNTF' },
    ]);
  });

  test('an invalid Relay id, or one of another type, in queries and mutations', async () => {
    const id = await makeAgent(db.pool);
    const { agent } = (await ask(api, 'query ($id: UUID!) { agent(id: $id) { nodeId } }', { id }))
      .data;
    const model = (await ask(api, '{ models(first: 1) { nodes { nodeId } } }')).data.models
      .nodes[0];
    const update = `mutation ($nodeId: ID!) {
      updateAgentByNodeId(input: { nodeId: $nodeId, patch: { description: "by node", name: "by node" } }) { agent { description } }
    }`;
    const find = 'query ($nodeId: ID!) { agentByNodeId(nodeId: $nodeId) { id } }';
    const remove = `mutation ($nodeId: ID!) { deleteTodoByNodeId(input: { nodeId: $nodeId }) { deletedTodoNodeId } }`;
    for (const nodeId of [
      'junk',
      '',
      btoa('["Agent"]'),
      btoa('["Agent",null]'),
      btoa('{}'),
      btoa('null'),
      model.nodeId,
    ]) {
      for (const text of [update, find, remove]) {
        const error = await failure(text, { nodeId });
        expect({ nodeId, text, error }).toMatchObject({
          error: { extensions: { code: 'HWINV', hint: expect.stringContaining('nodeId') } },
        });
      }
    }
    expect((await ask(api, find, agent)).data).toEqual({ agentByNodeId: { id } });
    expect((await ask(api, update, agent)).data).toEqual({
      updateAgentByNodeId: { agent: { description: 'by node' } },
    });
  });

  test('deleting a row that other rows reference', async () => {
    const { models } = (
      await ask(api, '{ models(condition: { name: "default" }) { nodes { id } } }')
    ).data;
    const agentId = await makeAgent(db.pool);
    await db.pool.query(
      `insert into howdah.agent_models (agent_id, model_id) values ($1, $2) on conflict do nothing`,
      [agentId, models.nodes[0].id],
    );
    const error = await failure(
      'mutation ($id: UUID!) { deleteModel(input: { id: $id }) { query { nodeId } } }',
      { id: models.nodes[0].id },
    );
    expect(error).toMatchObject({
      message: 'the row of models is still used by agent_models',
      extensions: {
        code: 'HWCNF',
        hint: 'Change or delete the rows of howdah.agent_models first.',
        detail: { table: 'models', used_by: 'agent_models' },
      },
    });
  });

  test('a value of the wrong type', async () => {
    const error = await failure(
      '{ executions(filter: { completedAt: { lessThan: "soon" } }) { totalCount } }',
    );
    expect(error?.extensions).toEqual({ code: 'HWINV' });
    expect(error?.message).toContain('"soon"');
  });
});

describe('numbers and enums', () => {
  const LITERAL = (maxCost: string) =>
    `mutation { createAgent(input: { agent: { name: "n${Math.random()}", maxCost: ${maxCost} } }) { agent { maxCost maxTokens } } }`;
  const VARIABLE =
    'mutation ($a: AgentInput!) { createAgent(input: { agent: $a }) { agent { maxCost maxTokens } } }';
  const create = (values: object) =>
    ask(api, VARIABLE, { a: { name: `n${Math.random()}`, ...values } });

  test.each(['0.5', '"0.5"', '5', '1e-3', '"+5E2"'])('%s is accepted as a number', async (text) => {
    const { data, errors } = await ask(api, LITERAL(text));
    expect(errors).toEqual([]);
    expect(Number(data.createAgent.agent.maxCost)).toBe(Number(JSON.parse(text)));
    const sent = await create({ maxCost: JSON.parse(text) });
    expect(sent.data.createAgent.agent).toEqual(data.createAgent.agent);
  });

  test.each(['"NaN"', '"Infinity"', '"-infinity"', '"1,5"', '""', '"0x10"', 'true', '[]'])(
    '%s is rejected as a number',
    async (text) => {
      for (const { errors, status } of [
        await ask(api, LITERAL(text)),
        await create({ maxCost: JSON.parse(text) }),
      ]) {
        expect(status).toBe(400);
        expect(errors[0]?.extensions.code).toBe('HWINV');
        expect(errors[0]?.message).toContain('except NaN and Infinity');
      }
    },
  );

  test('an integer beyond the JavaScript range is a string', async () => {
    expect((await create({ maxTokens: '9007199254740993' })).data.createAgent.agent).toMatchObject({
      maxTokens: '9007199254740993',
    });
    for (const maxTokens of [1.5, '1.5', 'NaN']) {
      expect((await create({ maxTokens })).errors[0]?.message).toContain('a whole number');
    }
  });

  test('an unknown enum value is rejected with the list of known values', async () => {
    const of = 'does not exist in "LimitPeriod" enum. It has: minute, hour, day, month.';
    const CREATE = (period: string) => `mutation ($p: LimitPeriod) {
      createLimit(input: { limit: { metric: runs, period: ${period}, maxValue: 1 } }) { limit { id } } }`;
    const { errors } = await ask(api, CREATE('$p'), { p: 'week' });
    expect(errors[0]).toMatchObject({
      message: expect.stringContaining(of),
      extensions: { code: 'HWINV' },
    });
    const literal = await ask(api, CREATE('days').replace('($p: LimitPeriod)', ''));
    expect(literal.errors[0]?.message).toContain(of);
  });
});

describe('operations rejected before planning', () => {
  test('a malformed id, as literal and as variable', async () => {
    const literal = await failure('{ execution(id: "4711") { id } }');
    expect(literal?.extensions.code).toBe('HWINV');
    const variable = await failure('query ($id: UUID!) { execution(id: $id) { id } }', {
      id: '4711',
    });
    expect(variable?.extensions.code).toBe('HWINV');
    expect(variable?.message).toContain('Invalid UUID');
  });

  test.each([
    [
      'depth',
      `{ executions { nodes { ${'agent { executions { nodes { '.repeat(5)} id ${'} } }'.repeat(5)} } } }`,
    ],
    ['rows', '{ executions(first: 1000) { nodes { steps(first: 1000) { nodes { seq } } } } }'],
    [
      'rows',
      `{ agents(first: 100) { ...page } } fragment page on AgentConnection { nodes { executions(first: 100) { nodes {
        steps(first: 100) { edges { node { seq } } } } } } }`,
    ],
    ['aliases', `{ ${Array.from({ length: 61 }, (_, i) => `a${i}: nodeId`).join(' ')} }`],
    ['roots', `{ ${'nodeId '.repeat(31)} }`],
    ['fields', `{ executions { nodes { ${'id '.repeat(20_000)} } } }`],
    ['definitions', Array.from({ length: 101 }, (_, i) => `query q${i} { nodeId }`).join(' ')],
    [
      'variables',
      `query (${Array.from({ length: 101 }, (_, i) => `$v${i}: Int`).join(' ')}) { nodeId }`,
    ],
    ['size', `{ executions { nodes { id } } } # ${'x'.repeat(100_000)}`],
    ['directives', `{ ${'executions @include(if: true) { totalCount } '.repeat(51)} }`],
    [
      'fields',
      `{ executions { nodes { ...f0 } } } fragment f30 on Execution { id } ${Array.from(
        { length: 30 },
        (_, i) => `fragment f${i} on Execution { ...f${i + 1} ...f${i + 1} }`,
      ).join(' ')}`,
    ],
  ])('an operation beyond the limit of %s', async (limit, query) => {
    const { errors, status } = await ask(api, query);
    expect(status).toBe(400);
    expect(errors.map(({ extensions }) => extensions)).toContainEqual(
      expect.objectContaining({ code: 'HWINV', detail: expect.objectContaining({ limit }) }),
    );
  });

  /** Returns a filter of agents through this many nested relations. */
  const nested = (levels: number): object =>
    levels <= 0
      ? { name: { equalTo: 'x' } }
      : { executions: { some: { agent: nested(levels - 2) } } };
  const literal = (value: unknown): string =>
    Array.isArray(value)
      ? `[${value.map(literal).join(' ')}]`
      : typeof value === 'object' && value !== null
        ? `{${Object.entries(value).map(([name, one]) => `${name}: ${literal(one)}`)}}`
        : JSON.stringify(value);
  const exist = (count: number) => ({ and: Array(count).fill({ agentModelsExist: true }) });
  const names = (count: number) => ({ name: { in: Array(count).fill('x') } });
  const either = (count: number) => ({ or: Array(count).fill({ name: { equalTo: 'x' } }) });
  const filters: [limit: string, filter: object, within: object][] = [
    ['relationDepth', nested(6), nested(4)],
    ['relations', exist(21), exist(20)],
    ['inputs', names(1_000), names(900)],
    ['conditions', either(101), either(100)],
  ];

  test.each(filters)('a literal filter beyond the limit of %s', async (limit, filter, within) => {
    const query = (of: object) => `{ agents(filter: ${literal(of)}) { totalCount } }`;
    const { errors, status } = await ask(api, query(filter));
    expect(status).toBe(400);
    expect(errors.map(({ extensions }) => extensions.detail)).toMatchObject([{ limit }]);
    expect((await ask(api, query(within))).errors).toEqual([]);
  });

  test.each(filters)(
    'a filter in variables beyond the limit of %s',
    async (limit, filter, within) => {
      const query = 'query ($filter: AgentFilter) { agents(filter: $filter) { totalCount } }';
      const { errors, status } = await ask(api, query, { filter });
      expect(status).toBe(400);
      expect(errors.map(({ extensions }) => extensions.detail)).toMatchObject([{ limit }]);
      expect((await ask(api, query, { filter: within })).errors).toEqual([]);
      const socket = openSocket(api);
      const followed = follow(socket, query, { filter });
      await followed.end;
      expect(followed.errors.map(({ extensions }) => extensions.detail)).toMatchObject([{ limit }]);
      await socket.client.dispose();
    },
  );

  test.each([
    [{ executions: { some: {} } }, 'an empty object'],
    [{ executions: {} }, 'an empty object'],
    [{ name: {} }, 'an empty object'],
    [{ and: [{}] }, 'an empty object'],
    [{ executions: { none: null } }, 'null'],
    [{ name: { equalTo: null } }, 'null'],
  ])('a filter without a condition: %j', async (filter, what) => {
    const query = 'query ($f: AgentFilter) { agents(filter: $f) { totalCount } }';
    const { errors } = await ask(api, query, { f: filter });
    expect(errors).toMatchObject([
      {
        message: expect.stringContaining(`may not contain ${what}`),
        extensions: { code: 'HWINV' },
      },
    ]);
  });

  test('variables and fragments count once for each use', async () => {
    const used = (count: number) =>
      Array.from({ length: count }, (_, i) => `a${i}: agents(filter: $f) { totalCount }`).join(' ');
    const queryOf = (count: number) => `query ($f: AgentFilter) { ${used(count)} }`;
    const variables = { f: nested(4) };
    expect((await ask(api, queryOf(2), variables)).errors).toEqual([]);
    const { errors } = await ask(api, queryOf(3), variables);
    expect(errors[0]?.extensions.detail).toMatchObject({ limit: 'relations', found: 24 });
    const inside =
      'query ($f: AgentFilter!) { agents(filter: {and: [$f, $f, $f]}) { totalCount } }';
    expect((await ask(api, inside, variables)).errors[0]?.extensions.detail).toMatchObject({
      limit: 'relations',
      found: 24,
    });
    const spread = `query ($f: AgentFilter) { ${'...page '.repeat(3)} } fragment page on Query { agents(filter: $f) { totalCount } }`;
    const spreads = spread.replace('...page ', '...page '.repeat(4));
    expect((await ask(api, spreads, variables)).errors[0]?.extensions.detail).toMatchObject({
      limit: 'relations',
    });
  });

  test('a filter on a view counts as many relations as the tables behind it', async () => {
    const tree = { tree: { some: { root: { tree: { some: { root: { treeExist: true } } } } } } };
    const query = (count: number) =>
      `{ executions(filter: ${literal({ or: Array(count).fill(tree) })}) { nodes { id } } }`;
    expect((await ask(api, query(4))).errors[0]?.extensions.detail).toEqual({
      ...{ limit: 'relations', found: 4 * (3 * 9 + 2 * 3), most: 20 },
    });
    const root = '{ executions(filter: {tree: {some: {rootExists: true}}}) { totalCount } }';
    const once =
      '{ executions(filter: {tree: {some: {root: {agentExists: true}}}}) { totalCount } }';
    expect((await ask(api, root)).errors).toEqual([]);
    expect((await ask(api, once)).errors).toEqual([]);
    const selectTrees = (count: number) =>
      `{ ${Array.from({ length: count }, (_, i) => `a${i}: executionTrees { totalCount }`).join(' ')} }`;
    expect((await ask(api, selectTrees(6))).errors).toEqual([]);
    expect((await ask(api, selectTrees(7))).errors[0]?.extensions.detail).toMatchObject({
      ...{ limit: 'joins', found: 7 * (9 + 1) },
    });
  });

  test('the weights match the tables and views of the database', async () => {
    const rows = await all(
      db.pool,
      `with recursive reached (name, oid) as (
         select c.relname, c.oid from pg_class as c
         where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p', 'v')
         union all
         select x.name, m.relid[1]::oid from reached as x
         join pg_rewrite as w on w.ev_class = x.oid and w.ev_type = '1'
         cross join lateral regexp_matches(w.ev_action::text, ':rtekind 0 :relid ([0-9]+)', 'g') as m (relid)
         where m.relid[1]::oid not in (0, x.oid)
       )
       select x.name, greatest(1, sum(case c.relkind when 'p' then 3 when 'r' then 1 else 0 end))::int as weight
       from reached as x join pg_class as c on c.oid = x.oid group by x.name`,
    );
    const types = await ask(api, '{ __schema { types { name } } }');
    const known = new Set(types.data.__schema.types.map(({ name }: { name: string }) => name));
    const found = rows.flatMap(({ name, weight }) => {
      const words = (name as string)
        .split('_')
        .map((word) => word[0]?.toUpperCase() + word.slice(1));
      const plural = words.join('');
      const type = [plural, plural.replace(/ies$/, 'y'), plural.replace(/s$/, '')].find((one) =>
        known.has(one),
      );
      return type && weight > 1 ? [[type, weight]] : [];
    });
    // these read the rollup of usage, or the conversation before a run, through functions, which
    // the catalogue does not see into
    const { AgentPerformance, DailyUsage, ModelUsage, ToolPerformance, ...others } = WEIGHTS;
    const { TrainingExample, PreferencePair } = WEIGHTS;
    const inFunctions = {
      ...{ AgentPerformance, DailyUsage, ModelUsage, ToolPerformance },
      ...{ TrainingExample, PreferencePair },
    };
    expect(Object.values(inFunctions)).toEqual([7, 7, 8, 7, 22, 25]);
    expect({ ...Object.fromEntries(found), ...inFunctions }).toEqual({ ...others, ...inFunctions });
  });

  test('unknown names in a variable are counted before they are validated', async () => {
    const filter = Object.fromEntries(Array.from({ length: 2_000 }, (_, i) => [`nam${i}`, 1]));
    const { errors, status } = await ask(
      api,
      'query ($filter: AgentFilter) { agents(filter: $filter) { totalCount } }',
      { filter },
    );
    expect(status).toBe(400);
    expect(errors).toMatchObject([{ extensions: { detail: { limit: 'inputs', found: 2_000 } } }]);
  });

  test('limits apply to mutation inputs, subscriptions and fields that lead to other rows', async () => {
    const input = { agent: { name: 'wide', capabilities: Array(1_001).fill('x') } };
    const create =
      'mutation ($input: CreateAgentInput!) { createAgent(input: $input) { agent { id } } }';
    expect((await ask(api, create, { input })).errors[0]?.extensions.detail).toMatchObject({
      limit: 'inputs',
    });
    const socket = openSocket(api);
    const query = `subscription ($id: UUID!, $f: StepFilter) { executionUpdated(id: $id) { steps(filter: $f) { totalCount } } }`;
    const f = { and: Array(101).fill({ seq: { equalTo: 1 } }) };
    const followed = follow(socket, query, { id: '0198c0de-0000-7000-8000-000000000000', f });
    await followed.end;
    expect(followed.errors.map(({ extensions }) => extensions.detail)).toMatchObject([
      { limit: 'conditions' },
    ]);
    await socket.client.dispose();
    const wide = `{ agents { nodes { ${'id executions { nodes { agent { id } } } '.repeat(31)} } } }`;
    expect((await ask(api, wide)).errors[0]?.extensions.detail).toMatchObject({ limit: 'joins' });
    // a count and a read of the next page are separate statements or joins
    const pages = (count: number) =>
      Array.from(
        { length: count },
        (_, i) => `a${i}: executions { nodes { id } totalCount pageInfo { hasNextPage } }`,
      );
    const counts = (count: number) => `{ agents { nodes { ${pages(count).join(' ')} } } }`;
    expect((await ask(api, counts(11))).errors).toEqual([]);
    expect((await ask(api, counts(12))).errors[0]?.extensions.detail).toMatchObject({
      limit: 'joins',
      found: 1 + 12 * (3 + 1 + 1),
    });
  });

  test('thirty mutations that return their rows', async () => {
    const { rows } = await db.pool.query(`select howdah.agent('development') as id`);
    const agent = rows[0].id;
    const mutations = (count: number) =>
      Array.from(
        { length: count },
        (_, n) =>
          `m${n}: createExecution(input: { execution: { agentId: $agent, input: "x" } }) { execution { id } }`,
      ).join(' ');
    const write = (count: number) =>
      ask(api, `mutation ($agent: UUID!) { ${mutations(count)} }`, { agent });
    expect((await write(30)).errors).toEqual([]);
    expect((await write(31)).errors[0]?.extensions.detail).toMatchObject({ limit: 'roots' });
  });

  test('an overlong enum value is rejected before the comparison with known values', async () => {
    const long = 'x'.repeat(100_000);
    const query =
      'query ($c: [ExecutionStatus!]) { executions(filter: { status: { in: $c } }) { totalCount } }';
    const inDocument = `{ executions(filter: { status: { equalTo: ${'X'.repeat(201)} } }) { totalCount } }`;
    for (const response of [
      ask(api, query, { c: ['FAILED', long] }),
      ask(api, query, { c: long }),
      ask(api, inDocument),
    ]) {
      const { errors, status } = await response;
      expect(status).toBe(400);
      expect(errors).toMatchObject([
        { extensions: { code: 'HWINV', detail: { limit: 'enumLength' } } },
      ]);
    }
    const { errors } = await ask(api, query, { c: 'x'.repeat(200) });
    expect(errors[0]?.message).toContain('does not exist in "ExecutionStatus" enum');
  });

  test('cyclic fragments', async () => {
    const error = await failure(
      '{ executions { nodes { ...a } } } fragment a on Execution { ...b } fragment b on Execution { ...a }',
    );
    expect(error?.message).toContain('within itself');
  });

  test('small nested pages are accepted', async () => {
    const { errors } = await ask(
      api,
      '{ executions(first: 50) { nodes { steps(first: 50) { nodes { seq } } messages { nodes { seq } } } } }',
    );
    expect(errors ?? []).toEqual([]);
  });

  test('introspection works and has its own limit', async () => {
    expect((await ask(api, getIntrospectionQuery())).errors).toEqual([]);
    const lists = 'fields { type { '.repeat(4);
    const error = await failure(`{ __schema { types { ${lists} name ${'} }'.repeat(4)} } } }`);
    expect(error?.extensions.code).toBe('HWINV');
  });

  test('thirteen levels are accepted', async () => {
    const query = `{ executions(first: 2) { nodes { ${'agent { executions(first: 2) { nodes { '.repeat(3)} agent { __typename id } ${'} } }'.repeat(3)} } } }`;
    expect((await ask(api, query)).errors).toEqual([]);
  });
});

test('internal errors are masked with an id that appears in the log', () => {
  const logged: [unknown, string][] = [];
  const mask = createMaskError((error, id) => logged.push([error, id]));
  const secret = Object.assign(new Error('relation "howdah_private.secrets" is broken'), {
    code: 'XX000',
  });
  const masked = mask(new GraphQLError(secret.message, { originalError: secret, path: ['a'] }));
  expect(masked.message).not.toContain('secrets');
  expect(masked.path).toEqual(['a']);
  expect(logged).toEqual([[secret, masked.extensions.id]]);
  expect(masked.extensions.code).toBe('EINTERNAL');
});
