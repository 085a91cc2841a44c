import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

test('tools have capabilities, a domain and the actions of their sub-agent', async () => {
  const agent = await ask(
    api,
    `mutation { createAgent(input: { agent: { name: "analyst", capabilities: ["figures"] } }) { agent { id } } }`,
  );
  const made = await ask(
    api,
    `mutation ($agent: UUID!) {
       createTool(input: { tool: {
         name: "ask_analyst", kind: agent, agentId: $agent, capabilities: ["reports"], domain: "sales"
       } }) { tool { capabilities domain actions } }
     }`,
    { agent: agent.data.createAgent.agent.id },
  );
  expect(made.errors).toEqual([]);
  expect(made.data.createTool.tool).toEqual({
    capabilities: ['reports'],
    domain: 'sales',
    actions: [],
  });
  const found = await ask(
    api,
    `{ tools(filter: { name: { equalTo: "todo" } }) { nodes { capabilities domain actions } } }`,
  );
  expect(found.data.tools.nodes).toEqual([
    { capabilities: ['planning', 'todos'], domain: null, actions: null },
  ]);
  const list = await ask(api, '{ agentToolList(agent: "analyst") }');
  expect(list.data.agentToolList).toEqual([]);
});
