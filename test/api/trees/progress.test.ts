import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import type { ApiServer } from '../../../src/api/server.ts';
import { defineTool } from '../../../src/tools/custom/define-tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { addTool, insertRun, makeAgent, makeAgentTool, waitForEnd } from '../../runtime/arrange.ts';
import { one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { openStream } from '../rest/events.ts';

// Progress that tools report while they work.

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
/** Resolves when the test lets the tool continue. */
let gate = Promise.withResolvers<void>();

const crawl = defineTool({
  name: 'crawl',
  description: 'Crawls pages.',
  parameters: z.object({}),
  async run(_args, { progress }) {
    progress({ message: 'page 1', percent: 33.333, data: { page: 1 } });
    await gate.promise;
    for (let page = 2; page <= 500; page += 1) progress({ message: `page ${page}`, percent: 99 });
    progress({ percent: 170, data: { pages: 500 } });
    progress(Number.NaN);
    progress('half' as never);
    return { pages: 500 };
  },
});

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url, { tools: [crawl] });
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const nameOf = async (id: string) =>
  (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name;

test('progress of a sub-agent streams, is bounded, and its step keeps the last report', async () => {
  const crawler = await makeAgent(db.pool, {
    script: [{ tool_calls: [{ id: 'c', name: 'crawl', arguments: {} }] }, { content: 'Crawled.' }],
    tools: ['crawl'],
  });
  const tool = await makeAgentTool(db.pool, crawler);
  const boss = await makeAgent(db.pool, {
    script: [
      { tool_calls: [{ id: 'b', name: tool, arguments: { message: 'Crawl.' } }] },
      { content: 'Done.' },
    ],
  });
  await addTool(db.pool, boss, tool);
  const agent = await nameOf(boss);
  const stream = await openStream(api, '/api/execute', {
    method: 'POST',
    body: { agent, message: 'Go.', stream: true, tree: true },
  });
  const started = await stream.when(({ event }) => event === 'started');
  const action = await stream.when(({ data, event }) => event === 'action' && data.call_id === 'c');
  expect(action.data.execution_id).toBe(started.data.child_execution_id);
  gate.resolve();
  await stream.end;
  const reports = stream.events.filter(({ event }) => event === 'progress');
  expect(reports.length).toBeGreaterThan(0);
  expect(reports.length).toBeLessThan(40);
  expect(reports.at(-1)).toMatchObject({
    id: undefined,
    data: {
      execution_id: started.data.child_execution_id,
      path: [started.data.execution_id, started.data.child_execution_id],
      agent: await nameOf(crawler),
      call_id: 'c',
      tool: 'crawl',
      percent: 100,
      message: null,
      data: { pages: 500 },
    },
  });
  const { annotations } = await one(
    db.pool,
    `select annotations from howdah.steps where execution_id = $1 and kind = 'tool'`,
    [started.data.child_execution_id],
  );
  const last = { progress: 100, total: 100, percent: 100, data: { pages: 500 } };
  expect(annotations).toEqual({ progress: last });
  const result = stream.events.find(
    ({ event, data }) => event === 'observation' && data.kind === 'tool' && data.call_id === 'c',
  );
  expect(result?.data).toMatchObject({ output: { pages: 500 }, progress: last });
});

test('the step of a call keeps its last report, though nobody follows the run', async () => {
  gate = Promise.withResolvers();
  const agent = await makeAgent(db.pool, {
    script: [{ tool_calls: [{ id: 'c', name: 'crawl', arguments: {} }] }, { content: 'Done.' }],
    tools: ['crawl'],
  });
  gate.resolve();
  const id = await insertRun(db.pool, agent);
  expect(await waitForEnd(db.pool, id)).toMatchObject({ status: 'completed', output: 'Done.' });
  const { annotations } = await one(
    db.pool,
    `select annotations from howdah.steps where execution_id = $1 and kind = 'tool'`,
    [id],
  );
  expect(annotations).toMatchObject({ progress: { percent: 100 } });
});

test('progress notifications of an MCP server stream while its tool works', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-progress-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const fixture = fileURLToPath(new URL('../../fixtures/mcp/slow.mjs', import.meta.url));
  await db.pool.query(
    `insert into howdah.mcp_servers (name, type, configuration) values ('slow', 'stdio', $1)`,
    [JSON.stringify({ command: process.execPath, args: [fixture, folder] })],
  );
  await eventually(
    db.pool,
    'the tool of the server',
    `select from howdah.tools where name = 'slow__dig' and is_active`,
  );
  const agent = await makeAgent(db.pool, {
    script: [{ tool_calls: [{ id: 'd', name: 'slow__dig', arguments: {} }] }, { content: 'Done.' }],
  });
  await db.pool.query(
    `insert into howdah.agent_servers (agent_id, server_id) select $1, id from howdah.mcp_servers where name = 'slow'`,
    [agent],
  );
  const stream = await openStream(api, '/api/execute', {
    method: 'POST',
    body: { agent: await nameOf(agent), message: 'Dig.', stream: true },
  });
  for (const metre of [1, 2, 3, 4]) {
    await stream.when(
      ({ event, data }) => event === 'progress' && data.message === `metre ${metre}`,
    );
    writeFileSync(join(folder, `${metre}`), '');
  }
  await stream.end;
  const reports = stream.events.filter(({ event }) => event === 'progress');
  expect(reports.map(({ data }) => [data.message, data.percent])).toEqual([
    ['metre 1', 25],
    ['metre 2', 50],
    ['metre 3', 75],
    ['metre 4', 100],
  ]);
  const { annotations } = await one(
    db.pool,
    `select annotations from howdah.steps where execution_id = $1 and kind = 'tool'`,
    [reports[0]?.data.execution_id],
  );
  expect(annotations.progress).toMatchObject({ progress: 4, total: 4, message: 'metre 4' });
});

test('in a tenant with output filters, progress has no texts', async () => {
  gate = Promise.withResolvers();
  gate.resolve();
  await db.pool.query(
    `insert into howdah.output_filters (name, pattern, action) values ('pages', 'page', 'redact')`,
  );
  const agent = await makeAgent(db.pool, {
    script: [{ tool_calls: [{ id: 'c', name: 'crawl', arguments: {} }] }, { content: 'Done.' }],
    tools: ['crawl'],
  });
  const stream = await openStream(api, '/api/execute', {
    method: 'POST',
    body: { agent: await nameOf(agent), message: 'Go.', stream: true },
  });
  await stream.end;
  const reports = stream.events.filter(({ event }) => event === 'progress');
  expect(reports.length).toBeGreaterThan(0);
  for (const { data } of reports) expect(data).toMatchObject({ message: null, data: null });
  expect(reports.at(-1)?.data.percent).toBe(100);
});
