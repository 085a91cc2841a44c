import { readFileSync } from 'node:fs';
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

const APPLY = `mutation ($document: JSON!, $dryRun: Boolean) {
  applyAgentSystem(input: { document: $document, dryRun: $dryRun }) { result }
}`;
const document = { version: 'v1', name: 'desk', agents: { desk: { mission: 'Answer.' } } };

test('a system is applied, read and exported over GraphQL', async () => {
  const { data, errors } = await ask(api, APPLY, { document });
  expect(errors).toEqual([]);
  expect(data.applyAgentSystem.result).toMatchObject({ name: 'desk', version: 1, dry_run: false });
  const read = await ask(
    api,
    '{ exportAgentSystem(name: "desk") agentSystems { nodes { name version resolved agents { nodes { name } } } } }',
  );
  expect(read.errors).toEqual([]);
  expect(read.data.exportAgentSystem).toEqual(document);
  expect(read.data.agentSystems.nodes).toMatchObject([
    {
      name: 'desk',
      resolved: { agents: { desk: { final_system_prompt: 'Answer.' } } },
      agents: { nodes: [{ name: 'desk' }] },
    },
  ]);
});

test('faults of a system are reported with their paths', async () => {
  const { errors } = await ask(api, APPLY, {
    document: {
      ...document,
      agents: { a: { model: 'defalt' }, b: { tools: { allow: ['tood'] } } },
    },
  });
  expect(errors[0]?.extensions).toMatchObject({
    code: 'HWINV',
    detail: {
      faults: [
        { path: '/agents/a/model', message: 'unknown model "defalt", did you mean "default"?' },
        { path: '/agents/b/tools/allow/0', message: 'unknown tool "tood", did you mean "todo"?' },
      ],
    },
  });
});

test('the JSON schema of system files is public and equals the packaged file', async () => {
  const response = await fetch(`${api.url}/schemas/agent-system.v1.json`);
  expect(response.headers.get('content-type')).toContain('application/schema+json');
  const file = new URL('../../../src/systems/agent-system.v1.json', import.meta.url);
  expect(await response.json()).toEqual(JSON.parse(readFileSync(file, 'utf8')));
});
