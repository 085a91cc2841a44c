import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { openToolFolder } from '../../../src/tools/custom/tool-folder.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';

// Runs the public suite modelcontextprotocol/conformance against `/mcp`. A folder of tools,
// resources and prompts passes all of it.

const SUITE = fileURLToPath(
  new URL('../../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);
/** A project with a folder of tools. */
const TOOLS = fileURLToPath(new URL('../../fixtures/mcp-project/tools', import.meta.url));

const PIXEL =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;

beforeAll(async () => {
  api = await startTestApi(db.url);
  const { tools } = await openToolFolder({
    path: TOOLS,
    taken: [],
    accept: async () => {},
    say: (line) => console.info(line),
  });
  worker = await startTestWorker(db.url, { tools });
  await publish(tools.map(({ name }) => name));
  await db.pool.query(
    `insert into howdah.prompts (name, description, template, variables) values
       ('test_simple_prompt', 'A prompt.', 'This is a simple prompt for testing.', '{}'),
       ('test_prompt_with_arguments', 'One with arguments.', 'arg1=''{{arg1}}'', arg2=''{{arg2}}''',
        '{"arg1": {"type": "string"}, "arg2": {"type": "string"}}'),
       ('test_prompt_with_embedded_resource', 'One with a document.', 'Please process the embedded resource above.',
        '{"resourceUri": {"type": "string", "format": "resource"}}'),
       ('test_prompt_with_image', 'One with an image.', 'Please analyze the image above.',
        '{"image": {"type": "string", "format": "resource", "default": "test://static-binary"}}')`,
  );
  await db.pool.query(
    `insert into howdah.resources (uri, name, type, bytes) values
       ('test://static-text', 'text', 'text/plain', 'This is the content of the static text resource.'),
       ('test://example-resource', 'example', 'text/plain', 'Embedded resource content for testing.'),
       ('test://watched-resource', 'watched', 'text/plain', 'It may change.'),
       ('test://static-binary', 'pixel', 'image/png', decode($1, 'base64')),
       ('test://template/{id}/data', 'data', 'application/json', '{"id":"{{id}}","templateTest":true,"data":"Data for ID: {{id}}"}')`,
    [PIXEL],
  );
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

/** Publishes each tool as an agent. */
async function publish(names: readonly string[]): Promise<void> {
  await db.pool.query(
    `insert into howdah.agents (name, engine, engine_configuration)
     select name, 'custom', jsonb_build_object('tool', name) from unnest($1::text[]) as name`,
    [names],
  );
  await db.pool.query(
    `insert into howdah.agent_tools (agent_id, tool_id)
     select a.id, t.id from howdah.agents as a join howdah.tools as t on t.name = a.engine_configuration ->> 'tool'`,
  );
}

test('every scenario of the MCP conformance suite passes', async () => {
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
  expect(failed).toEqual([]);
  expect(passed).toHaveLength(32);
});
