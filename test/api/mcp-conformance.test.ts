import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Api } from '../../src/api/server.ts';
import { openToolFolder } from '../../src/tools/tool-folder.ts';
import type { Worker } from '../../workers/main.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startTestApi } from './harness.ts';

/** The public suite, modelcontextprotocol/conformance, over `/mcp`: what of it passes, and why the rest is about other servers. */

const SUITE = fileURLToPath(
  new URL('../../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url),
);
/** Scenarios that fail. The others pass. */
const NOT_OURS: Record<string, string> = {
  'resources-read-text': 'wants a resource test://static-text',
  'resources-read-binary': 'wants a resource test://static-binary',
  'resources-templates-read': 'wants resources test://template/{id}/data',
  'resources-subscribe': 'wants a resource test://watched-resource; ours are runs',
  'resources-unsubscribe': 'wants a resource test://watched-resource; ours are runs',
  'prompts-get-embedded-resource': 'soon',
  'prompts-get-with-image': 'soon',
};

/** A project of ours: a folder of tools. */
const TOOLS = fileURLToPath(new URL('../fixtures/mcp-project/tools', import.meta.url));

let db: TestDatabase;
let api: Api;
let worker: Worker;

beforeAll(async () => {
  db = await createTestDatabase();
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
        '{"arg1": {"type": "string"}, "arg2": {"type": "string"}}')`,
  );
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  await db?.drop();
});

/** Each as an agent that is that tool. */
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
  if (failed.length > 0) console.info(failed);
  expect(failed.sort()).toEqual(Object.keys(NOT_OURS).sort());
  expect(passed.length + failed.length).toBe(32);
});
