import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Api } from '../../src/api/server.ts';
import type { Worker } from '../../workers/main.ts';
import { makeAgent } from '../runtime/arrange.ts';
import { makeTeam } from '../runtime/teams.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startTestApi } from './harness.ts';

/** The public suite, modelcontextprotocol/conformance, over `/mcp`: what of it passes, and why the rest is about other servers. */

const SUITE = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);
const OTHER_TOOLS = 'wants a tool without arguments; ours take a message';
const OTHER_CONTENT = 'wants fixed contents that are not text; answers of agents are texts';
/** Scenarios that fail. The others pass. */
const NOT_OURS: Record<string, string> = {
  'tools-call-image': OTHER_CONTENT,
  'tools-call-audio': OTHER_CONTENT,
  'tools-call-embedded-resource': OTHER_CONTENT,
  'tools-call-mixed-content': OTHER_CONTENT,
  'tools-call-with-logging': OTHER_TOOLS,
  'tools-call-with-progress': OTHER_TOOLS,
  'tools-call-sampling': 'agents have models of their own',
  'json-schema-2020-12': 'wants a tool with a schema of its own',
  'elicitation-sep1034-defaults': OTHER_TOOLS,
  'elicitation-sep1330-enums': OTHER_TOOLS,
  'resources-read-text': 'wants a resource test://static-text',
  'resources-read-binary': 'wants a resource test://static-binary',
  'resources-templates-read': 'wants resources test://template/{id}/data',
  'resources-subscribe': 'wants a resource test://watched-resource; ours are runs',
  'resources-unsubscribe': 'wants a resource test://watched-resource; ours are runs',
  'prompts-get-embedded-resource': OTHER_CONTENT,
  'prompts-get-with-image': OTHER_CONTENT,
};

let db: TestDatabase;
let api: Api;
let worker: Worker;

beforeAll(async () => {
  db = await createTestDatabase();
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
  const agent = await makeAgent(db.pool, {
    script: [{ content: 'This is a simple text response for testing.' }],
  });
  await db.pool.query(`update howdah.agents set name = 'test_simple_text' where id = $1`, [agent]);
  const failing = await makeAgent(db.pool, { script: [{ error: 'unauthorized' }] });
  await db.pool.query(`update howdah.agents set name = 'test_error_handling' where id = $1`, [
    failing,
  ]);
  const properties = { username: { type: 'string' }, email: { type: 'string', format: 'email' } };
  const schema = { type: 'object', properties, required: ['username', 'email'] };
  const team = await makeTeam(db.pool, {
    type: 'chain',
    members: [{ question: { prompt: '{{input}}', schema } }],
  });
  await db.pool.query(`update howdah.workflows set name = 'test_elicitation' where id = $1`, [
    team,
  ]);
  await db.pool.query(
    `insert into howdah.prompts (name, description, template, variables) values
       ('test_simple_prompt', 'A prompt.', 'This is a simple prompt for testing.', '{}'),
       ('test_prompt_with_arguments', 'One with arguments.', 'arg1=''{{arg1}}'', arg2=''{{arg2}}''',
        '{"arg1": {"type": "string"}, "arg2": {"type": "string"}}')`,
  );
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  await db?.drop();
});

test('every scenario passes, but those about servers of another kind', async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  execFile(
    process.execPath,
    [SUITE, 'server', '--url', `${api.url}/mcp`, '--suite', 'all'],
    (_error, stdout, stderr) => resolve(stdout + stderr),
  );
  const lines = [...(await promise).matchAll(/^([✓✗]) ([\w-]+): (\d+) passed/gm)];
  const passed = lines.filter(([, mark]) => mark === '✓').map(([, , name]) => name);
  const failed = lines.filter(([, mark]) => mark === '✗').map(([, , name]) => name);
  console.info(`MCP conformance: ${passed.length} pass (${passed.join(', ')})`);
  expect(failed.sort()).toEqual(Object.keys(NOT_OURS).sort());
  expect(passed.length + failed.length).toBe(32);
});
