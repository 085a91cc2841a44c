import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../../src/api/server.ts';
import { makeAgent, makeRun, makeSession } from '../../../../sql/support.ts';
import { testDatabase } from '../../../../support/database.ts';
import { printApiSchema } from '../../../../support/generate/print-schema.ts';
import { ask, driveRun, startTestApi } from '../../../harness.ts';

const db = testDatabase();
let api: ApiServer;
let sdl: string;

beforeAll(async () => {
  sdl = await printApiSchema(db.url);
  api = await startTestApi(db.url);
});

afterAll(async () => {
  await api?.close();
});

/** Returns the fields of a type or the values of an enum. */
function fieldsOf(name: string): string[] {
  const definition =
    new RegExp(`^\\w+ ${name} [^{]*\\{\\n([\\s\\S]*?)^\\}`, 'm').exec(sdl)?.[1] ?? '';
  return [...definition.matchAll(/^ {2}(\w+)(?:[(:]|$)/gm)].map(([, field]) => field ?? '');
}

test('the printed schema is stable', async () => {
  expect(await printApiSchema(db.url)).toBe(sdl);
});

test('id is the UUID and nodeId the Relay id', () => {
  expect(sdl).toMatch(/^ {2}agent\(id: UUID!\): Agent$/m);
  expect(sdl).toMatch(/^ {2}execution\(id: UUID!\): Execution$/m);
  expect(sdl).toMatch(/^ {2}agentByNodeId\($/m);
  expect(sdl).not.toMatch(/\browId\b|\bExecutionId\b/);
});

test('relation names omit the tenant', () => {
  expect(fieldsOf('Execution')).toEqual(
    expect.arrayContaining(['agent', 'agentVersion', 'session', 'user', 'steps', 'messages']),
  );
  expect(fieldsOf('Agent')).toEqual(
    expect.arrayContaining(['executions', 'agentTools', 'agentVersions', 'currentVersion', 'user']),
  );
  expect(fieldsOf('Session')).toContain('executions');
  expect(fieldsOf('Step')).toContain('execution');
  expect(sdl).not.toMatch(/tenantAgent|ByTenantId/);
});

test('a run has its tree in drawing order, and its own timeline', async () => {
  const agent = await makeAgent(db.pool);
  const root = await makeRun(db.pool, { agent_id: agent });
  const child = await makeRun(db.pool, { agent_id: agent, parent_execution_id: root });
  const grandchild = await makeRun(db.pool, { agent_id: agent, parent_execution_id: child });
  const second = await makeRun(db.pool, { agent_id: agent, parent_execution_id: root });
  await (await driveRun(db.pool, child)).steps(1);
  const { data, errors } = await ask(
    api,
    `{ executions(filter: { agentId: { equalTo: "${agent}" } }, orderBy: ID_ASC) { nodes {
       tree(orderBy: PATH_ASC) { totalCount nodes { executionId depth root { id } } }
       timeline { nodes { seq } }
       planTasks { nodes { plan } }
     } } }`,
  );
  expect(errors).toEqual([]);
  const nodes = [root, child, grandchild, second].map((executionId, at) => ({
    executionId,
    depth: [0, 1, 2, 1][at],
    root: { id: root },
  }));
  expect(data.executions.nodes).toEqual(
    [root, child, grandchild, second].map((id) => ({
      tree: { totalCount: 4, nodes },
      timeline: { nodes: id === child ? [{ seq: 1 }] : [] },
      planTasks: { nodes: [] },
    })),
  );
  const some = await ask(
    api,
    `{ executions(filter: { id: { equalTo: "${child}" }, tree: { some: { executionId: { equalTo: "${second}" } } } }) { totalCount } }`,
  );
  expect(some.data ?? some.errors).toEqual({ executions: { totalCount: 1 } });
});

test('the schema contains nothing private', () => {
  expect(sdl).not.toMatch(/howdahPrivate|graphile_?worker|idempotencyKeys|watchers/i);
  expect(fieldsOf('Execution')).not.toContain('fence');
  expect(fieldsOf('Query')).not.toContain('currentTenant');
  expect(fieldsOf('Mutation')).not.toContain('registerSqlTool');
});

test('mutations edit definitions and start or cancel runs, and never edit the log', () => {
  const mutations = fieldsOf('Mutation');
  expect(mutations).toEqual(
    expect.arrayContaining([
      'run',
      'cancelExecution',
      'deleteAgent',
      'createExecution',
      'updateAgent',
    ]),
  );
  const forbidden =
    /(Step|(?<!send)Message|(?<!label|restore)AgentVersion|Tenant|StatusTransition)|(update|delete)Execution/;
  expect(mutations.filter((name) => forbidden.test(name))).toEqual([]);
  expect(sdl).toMatch(/input UpdateAgentInput \{[\s\S]*?\bid: UUID![\s\S]*?patch: AgentPatch!/);
});

test('only indexed columns can filter and sort, including on partitioned tables', () => {
  expect(fieldsOf('StepFilter')).toEqual(['and', 'execution', 'executionId', 'not', 'or', 'seq']);
  expect(fieldsOf('ExecutionFilter')).toEqual(
    expect.arrayContaining(['status', 'agentId', 'sessionId']),
  );
  expect(fieldsOf('StepOrderBy')).toContain('SEQ_ASC');
  expect(fieldsOf('StepOrderBy')).not.toContain('COST_ASC');
});

test('a run is created, found through every relation, and its log is read', async () => {
  const agentId = await makeAgent(db.pool, { name: 'support' });
  const sessionId = await makeSession(db.pool);
  const created = await ask(
    api,
    `mutation ($agentId: UUID!, $sessionId: UUID) {
      createExecution(input: { execution: { agentId: $agentId, sessionId: $sessionId, input: "hi" } }) {
        execution { id status createdBy }
      }
    }`,
    { agentId, sessionId },
  );
  const { execution } = created.data.createExecution;
  expect(execution.status).toBe('queued');
  const run = await driveRun(db.pool, execution.id);
  await run.steps(2);
  await run.finish();

  const { data } = await ask(
    api,
    `query ($id: UUID!, $agentId: UUID!, $sessionId: UUID!) {
      execution(id: $id) {
        status output cost agent { name } session { id } agentVersion { version }
        steps(orderBy: SEQ_DESC, first: 1) { totalCount nodes { seq kind execution { id } } }
        messages { nodes { seq role content } }
      }
      agent(id: $agentId) { executions { nodes { id } } }
      session(id: $sessionId) { executions { nodes { id turn } } }
      executions(filter: { status: { equalTo: completed } }, orderBy: ID_DESC) { nodes { id } }
      agents(condition: { name: "support" }) { nodes { id } }
    }`,
    { id: execution.id, agentId, sessionId },
  );
  expect(data.execution).toEqual({
    status: 'completed',
    output: 'It is on its way.',
    cost: '0',
    agent: { name: 'support' },
    session: { id: sessionId },
    agentVersion: { version: 1 },
    steps: { totalCount: 3, nodes: [{ seq: 3, kind: 'output', execution: { id: execution.id } }] },
    messages: { nodes: [{ seq: 1, role: 'user', content: 'hi' }] },
  });
  expect(data.agent.executions.nodes).toEqual([{ id: execution.id }]);
  expect(data.session.executions.nodes).toEqual([{ id: execution.id, turn: 1 }]);
  expect(data.executions.nodes).toEqual([{ id: execution.id }]);
  expect(data.agents.nodes).toEqual([{ id: agentId }]);
});

test('updateAgent edits an agent by its id', async () => {
  const id = await makeAgent(db.pool);
  const { data } = await ask(
    api,
    `mutation ($id: UUID!) {
      updateAgent(input: { id: $id, patch: { instruction: "Be kind." } }) { agent { instruction } }
    }`,
    { id },
  );
  expect(data.updateAgent.agent.instruction).toBe('Be kind.');
});

test('run starts a run, cancelExecution ends it, deleteAgent deletes softly', async () => {
  const id = await makeAgent(db.pool, { name: 'fleeting' });
  const started = await ask(
    api,
    `mutation { run(input: { agent: "fleeting", input: "hi", metadata: { order: 7 } }) {
      result { id status metadata agent { id } }
    } }`,
  );
  const { result } = started.data.run;
  expect(result).toMatchObject({ status: 'queued', metadata: { order: 7 }, agent: { id } });
  const ended = await ask(
    api,
    `mutation ($id: UUID!) { cancelExecution(input: { id: $id }) { result { status stopReason } } }`,
    { id: result.id },
  );
  expect(ended.data.cancelExecution.result).toEqual({
    status: 'cancelled',
    stopReason: 'cancelled',
  });
  const deleted = await ask(
    api,
    `mutation ($id: UUID!) { deleteAgent(input: { id: $id }) { result { isActive deletedAt } } }`,
    { id },
  );
  expect(deleted.errors).toEqual([]);
  expect(deleted.data.deleteAgent.result).toMatchObject({ isActive: false });
});

test('lists omit deleted agents unless requested; runs and ids still reach them', async () => {
  const id = await makeAgent(db.pool);
  const run = await makeRun(db.pool, { agent_id: id });
  await db.pool.query('select howdah.delete_agent($1)', [id]);
  const query = `query ($id: UUID!, $run: UUID!, $all: Boolean!) {
    left: agents(filter: { id: { equalTo: $id } }) { totalCount nodes { id } edges { node { id } } }
    included: agents(filter: { id: { equalTo: $id } }, includeDeleted: $all) { totalCount nodes { id } }
    literal: agents(filter: { id: { equalTo: $id } }, includeDeleted: true, first: 1) { totalCount nodes { id } }
    one: agent(id: $id) { id deletedAt agentVersions { totalCount } }
    execution(id: $run) { agent { id } }
    versions: agentVersions(first: 1) { nodes { agent { id } } }
  }`;
  const { data, errors } = await ask(api, query, { id, run, all: true });
  expect(errors).toEqual([]);
  expect(data).toMatchObject({
    left: { totalCount: 0, nodes: [], edges: [] },
    included: { totalCount: 1, nodes: [{ id }] },
    literal: { totalCount: 1, nodes: [{ id }] },
    one: { id, deletedAt: expect.any(String), agentVersions: { totalCount: 1 } },
    execution: { agent: { id } },
  });
  const again = await ask(api, query, { id, run, all: false });
  expect(again.data.included).toEqual({ totalCount: 0, nodes: [] });
  const lists = new Set<string>();
  let field = '';
  for (const line of sdl.split('\n')) {
    field = /^ {2}(\w+)\(/.exec(line)?.[1] ?? field;
    if (line === '    includeDeleted: Boolean! = false') lists.add(field);
  }
  const shown = [...lists].filter((name) => !name.endsWith('ByCurrentVersionId')).sort();
  expect(shown).toEqual(['agents', 'prompts', 'skills', 'workflows']);
});

test('rows of another tenant are invisible', async () => {
  const id = await makeRun(db.pool);
  const tenant = await db.pool.query(
    `insert into howdah.tenants (slug, name) values ('other', 'Other') returning id`,
  );
  const agent = await db.pool.query(
    `select id from howdah.agents where tenant_id = $1 and name = 'development'`,
    [tenant.rows[0].id],
  );
  const foreign = await makeRun(db.pool, {
    tenant_id: tenant.rows[0].id,
    agent_id: agent.rows[0].id,
  });
  const query = 'query ($id: UUID!) { execution(id: $id) { id } }';
  expect((await ask(api, query, { id })).data.execution).toEqual({ id });
  expect((await ask(api, query, { id: foreign })).data.execution).toBeNull();
});
