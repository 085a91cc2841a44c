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

test('a prompt is created, edited, compared, rendered and assigned to an agent', async () => {
  const made = await ask(
    api,
    `mutation ($variables: JSON!) {
       createPrompt(input: { prompt: { name: "greeting", template: "Serve {{customer}}.", variables: $variables } }) { prompt { id } }
     }`,
    { variables: { customer: { type: 'string' } } },
  );
  const { id } = made.data.createPrompt.prompt;
  const edited = await ask(
    api,
    `mutation ($id: UUID!) { updatePrompt(input: { id: $id, patch: { template: "Help {{customer}}." } }) { prompt { template } } }`,
    { id },
  );
  expect(edited.errors).toEqual([]);
  const agent = await ask(
    api,
    `mutation ($id: UUID!) {
       createAgent(input: { agent: { name: "clerk", promptId: $id, promptValues: { customer: "Ada" } } }) { agent { prompt { name } } }
     }`,
    { id },
  );
  expect(agent.data.createAgent.agent).toEqual({ prompt: { name: 'greeting' } });
  const { data } = await ask(
    api,
    `query ($id: UUID!, $variables: JSON!) {
       renderPrompt(name: "greeting", variables: $variables)
       diffPromptVersions(promptId: $id, fromVersion: "1") { nodes { place operation text } }
     }`,
    { id, variables: { customer: 'Eve' } },
  );
  expect(data).toEqual({
    renderPrompt: 'Help Eve.',
    diffPromptVersions: {
      nodes: [
        {
          place: 'template',
          operation: { op: 'replace', path: '/template', value: 'Help {{customer}}.' },
          text: 'template\n- Serve {{customer}}.\n+ Help {{customer}}.',
        },
      ],
    },
  });
});

test('an invalid rendering or skill is rejected with HWINV', async () => {
  const { errors } = await ask(api, `query { renderPrompt(name: "greeting", variables: {}) }`);
  expect(errors).toMatchObject([
    {
      message: expect.stringContaining('customer'),
      extensions: { code: 'HWINV', detail: { field: 'variables', prompt: 'greeting' } },
    },
  ]);
  const run = await ask(
    api,
    `mutation {
       createSkill(input: { skill: { name: "refunds", description: "two\\nlines", content: "x" } }) { skill { id } }
     }`,
  );
  expect(run.errors).toMatchObject([{ extensions: { code: 'HWINV' } }]);
});
