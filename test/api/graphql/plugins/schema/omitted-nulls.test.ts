import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../../src/api/server.ts';
import { testDatabase } from '../../../../support/database.ts';
import { ask, startTestApi } from '../../../harness.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

/** Returns the fields of an input type that may be null. */
async function optionalFields(type: string): Promise<string[]> {
  const { data } = await ask(
    api,
    `query ($type: String!) { __type(name: $type) { inputFields { name type { kind } } } }`,
    { type },
  );
  const fields: { name: string; type: { kind: string } }[] = data.__type.inputFields;
  return fields.filter(({ type }) => type.kind !== 'NON_NULL').map(({ name }) => name);
}

test.each([
  ['Agent', 'agent', { name: 'clerk' }],
  ['Model', 'model', { name: 'swift', provider: 'local', model: 'extractive' }],
  ['Tool', 'tool', { name: 'measure', kind: 'custom' }],
  ['Workflow', 'workflow', { name: 'nightly', type: 'chain' }],
  ['Session', 'session', {}],
  ['Prompt', 'prompt', { name: 'greeting', template: 'Hello' }],
  ['Webhook', 'webhook', { url: 'https://example.com/hook' }],
  [
    'McpServer',
    'mcpServer',
    { name: 'm', type: 'http', configuration: { url: 'https://m.example' } },
  ],
])('null is an absent field when a %s is created and changed', async (type, name, values) => {
  const nulls = async (input: string) =>
    Object.fromEntries((await optionalFields(input)).map((field) => [field, null]));
  const created = await ask(
    api,
    `mutation ($values: ${type}Input!) { create${type}(input: { ${name}: $values }) { ${name} { id createdAt } } }`,
    { values: { ...(await nulls(`${type}Input`)), ...values } },
  );
  expect(created.errors).toEqual([]);
  const { id } = created.data[`create${type}`][name];
  const changed = await ask(
    api,
    `mutation ($id: UUID!, $patch: ${type}Patch!) {
       update${type}(input: { id: $id, patch: $patch }) { ${name} { id } }
     }`,
    { id, patch: await nulls(`${type}Patch`) },
  );
  expect(changed.errors).toEqual([]);
});

test('null stays null in a column that may be null', async () => {
  const { data } = await ask(
    api,
    `mutation { createAgent(input: { agent: { name: "limited", maxCost: 5 } }) { agent { id } } }`,
  );
  const changed = await ask(
    api,
    `mutation ($id: UUID!) {
       updateAgent(input: { id: $id, patch: { maxCost: null, useHistory: null } }) { agent { maxCost useHistory } }
     }`,
    { id: data.createAgent.agent.id },
  );
  expect(changed.data.updateAgent.agent).toEqual({ maxCost: null, useHistory: true });
});

test('null is an absent argument of a function', async () => {
  const { data, errors } = await ask(
    api,
    `mutation {
       createPrompt(input: { prompt: { name: "plain", template: "Hello." } }) { prompt { id } }
       startSession(input: { agent: "development", policy: null, state: null }) { result { policy state } }
       run(input: { agent: "development", input: "x", priority: null, metadata: null }) { result { priority metadata } }
       createApiKey(input: { name: "k", role: null, scopes: null }) { result { role } }
       applyAgentSystem(input: { document: { version: "v1", name: "s" }, dryRun: null, prune: null }) { result }
     }`,
  );
  expect(errors).toEqual([]);
  expect(data).toMatchObject({
    startSession: { result: { policy: 'queue', state: {} } },
    run: { result: { priority: 0, metadata: {} } },
    createApiKey: { result: { role: 'member' } },
  });
  const read = await ask(
    api,
    `{ scheduleTimesList(cron: "0 6 * * *", timezone: null, after: null, count: null)
       renderPrompt(name: "plain", variables: null, version: null)
       previewOutputFilters(text: "x", place: null)
       explainModel(purpose: "llm", capabilities: null) { nodes { model } } }`,
  );
  expect(read.errors).toEqual([]);
  expect(read.data.scheduleTimesList).toHaveLength(5);
});
