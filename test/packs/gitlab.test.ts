import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { putSecretOn, secretRowsOn } from '../../src/db/access/secrets.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';
import { createSecretWriter } from '../../src/secrets/writer.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { runCli } from '../cli/run-cli.ts';
import {
  callTools,
  insertRun,
  makeAgent,
  resultsOf,
  stepsOf,
  waitForEnd,
} from '../runtime/arrange.ts';
import { all, one } from '../sql/support.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startGitLab } from './gitlab-server.ts';
import { applyPack, packFolder } from './support.ts';

const TOKEN = 'a-token-of-gitlab-for-tests';

let database: TestDatabase;
let worker: Worker;
let gitlab: Awaited<ReturnType<typeof startGitLab>>;
let folder: string;
beforeAll(async () => {
  const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });
  database = await createTestDatabase();
  worker = await startTestWorker(database.url, { egressAllow: ['127.0.0.1'], masterKeys });
  gitlab = await startGitLab(TOKEN);
  expect(await applyPack(database.url, 'gitlab')).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('howdah admin secret set gitlab'),
  });
  const { id } = await one(database.pool, 'select howdah.current_tenant() as id');
  const { set } = createSecretWriter(secretRowsOn(database.pool), masterKeys);
  await set(id, 'gitlab', TOKEN, putSecretOn(database.pool, id));
  expect(await applyPack(database.url, 'gitlab', '--dry-run')).toMatchObject({ status: 0 });
  folder = await mkdtemp(join(tmpdir(), 'howdah-gitlab-'));
  await cp(packFolder('gitlab'), folder, { recursive: true });
  const manifest = await readFile(join(folder, 'pack.yaml'), 'utf8');
  const here = manifest
    .replaceAll('https://gitlab.com', `http://${gitlab.host}`)
    .replaceAll('[gitlab.com]', `["${gitlab.host}"]`);
  await writeFile(join(folder, 'pack.yaml'), here);
  expect(await runCli(database.url, 'apply', folder)).toMatchObject({ status: 0 });
});
afterAll(async () => {
  gitlab.close();
  await worker.stop(0);
  await database.drop();
  await rm(folder, { recursive: true });
});

/** Runs an agent that makes calls, and approves each of them. Returns the id of the run. */
async function runApproved(calls: [name: string, args: JsonObject][]): Promise<string> {
  const script = [
    ...calls.map(([name, args]) =>
      callTools({ name, arguments: { project: 'acme/shop', ...args } }),
    ),
    { content: 'done' },
  ];
  const tools = calls.map(([name]) => name);
  const id = await insertRun(database.pool, await makeAgent(database.pool, { script, tools }));
  const before = gitlab.calls.length;
  for (const [at, tool] of tools.entries()) {
    const question = await eventually<{ id: string }>(
      database.pool,
      `the approval request for ${tool}`,
      `select id from howdah.questions where execution_id = $1 and status = 'open' and tool_call ->> 'name' = $2`,
      [id, tool],
    );
    expect(gitlab.calls).toHaveLength(before + at);
    await database.pool.query('select howdah.approve($1)', [question.id]);
  }
  expect(await waitForEnd(database.pool, id)).toMatchObject({
    status: 'completed',
    output: 'done',
  });
  return id;
}

test('every tool requires approval, and writing tools act once', async () => {
  const tools = await all(
    database.pool,
    `select name, requires_approval, effect, configuration ->> 'method' as method from howdah.tools where kind = 'http'`,
  );
  expect(tools).toHaveLength(8);
  for (const { name, requires_approval, effect, method } of tools) {
    expect({ name, requires_approval, effect }).toEqual({
      name,
      requires_approval: true,
      effect: method === 'GET' ? 'pure' : 'once',
    });
  }
});

test('a project is changed through a branch and a merge request', async () => {
  const content = '# Shop\n\nSells pumps: "é" {}.\n';
  const change = { branch: 'say-more', start_branch: 'main', commit_message: 'Say more' };
  const request = { source_branch: 'say-more', target_branch: 'main', title: 'Say more' };
  const id = await runApproved([
    ['gitlab_list_files', {}],
    ['gitlab_read_file', { path: 'docs/read me.md', ref: 'main' }],
    [
      'gitlab_commit_files',
      { ...change, actions: [{ action: 'update', file_path: 'docs/read me.md', content }] },
    ],
    ['gitlab_open_merge_request', request],
  ]);
  const outputs = (await stepsOf(database.pool, id))
    .filter(({ kind }) => kind === 'tool')
    .map(({ output }) => output as JsonObject);
  expect(outputs.map(({ status }) => status)).toEqual([200, 200, 201, 201]);
  expect(outputs[1]?.body).toBe('# Shop\n');
  expect(gitlab.fileOn('say-more', 'docs/read me.md')).toBe(content);
  expect(gitlab.fileOn('main', 'docs/read me.md')).toBe('# Shop\n');
  expect(gitlab.requests).toMatchObject([request]);
  const logged = await all(
    database.pool,
    'select to_jsonb(s)::text as t from howdah.steps as s where execution_id = $1',
    [id],
  );
  expect(logged.filter(({ t }) => t.includes(TOKEN))).toEqual([]);
});

test('the cause of a failed pipeline is found, and another pipeline is run', async () => {
  const id = await runApproved([
    ['gitlab_list_pipelines', { ref: 'main', status: 'failed' }],
    ['gitlab_list_jobs', { pipeline: 7 }],
    ['gitlab_read_job_log', { job: 71 }],
    ['gitlab_run_pipeline', { ref: 'main' }],
  ]);
  const results = await resultsOf(database.pool, id);
  expect(results[0]).toMatch(/"id\W+7/);
  expect(results[2]).toContain('expected 1, got 2');
  expect(gitlab.calls.slice(-4)).toEqual([
    'GET /pipelines',
    'GET /pipelines/7/jobs',
    'GET /jobs/71/trace',
    'POST /pipeline',
  ]);
});

test.each([
  ['main', /branch/],
  ['master', /branch/],
])('a commit to %s is rejected without an approval request', async (branch, fault) => {
  const args = {
    project: 'acme/shop',
    branch,
    commit_message: 'x',
    actions: [{ action: 'create', file_path: 'x', content: 'x' }],
  };
  const script = [callTools({ name: 'gitlab_commit_files', arguments: args }), { content: 'done' }];
  const agent = await makeAgent(database.pool, { script, tools: ['gitlab_commit_files'] });
  const before = gitlab.calls.length;
  const { id } = await waitForEnd(database.pool, await insertRun(database.pool, agent));
  const [result] = await resultsOf(database.pool, id);
  expect(JSON.parse(result ?? '').error).toMatchObject({
    code: 'invalid_arguments',
    message: expect.stringMatching(fault),
  });
  expect(gitlab.calls).toHaveLength(before);
});

test('another project is one URL path segment, however it is written', async () => {
  const id = await runApproved([['gitlab_list_pipelines', { project: 'acme/../../../user/keys' }]]);
  const [result] = await resultsOf(database.pool, id);
  expect(result).toContain('404');
  expect(gitlab.calls.at(-1)).toMatch(/acme%2F\.\.%2F/);
});
