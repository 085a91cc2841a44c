import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { runCli } from '../../cli/run-cli.ts';
import { snippetsOf } from '../../docs/snippets.ts';
import { all, makeAgent, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';
import { makeHook, masterKeys, SECRETS, storeSecrets } from './support.ts';

// Executes the examples of docs/inbound-hooks.md.

const db = testDatabase();
const folder = mkdtempSync(join(tmpdir(), 'howdah-hooks-'));
let api: ApiServer;
const snippets = snippetsOf('docs/inbound-hooks.md');

beforeAll(async () => {
  api = await startTestApi(db.url, { masterKeys });
  await storeSecrets(db.pool, (await one(db.pool, 'select howdah.current_tenant() as id')).id);
  const [insert = ''] = snippets
    .filter(({ language }) => language === 'sql')
    .map(({ text }) => text);
  const agent = await makeAgent(db.pool);
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
  await db.pool.query(insert.replace('github_hook', 'github').replace("'support'", `'${name}'`));
});
afterAll(async () => {
  await api?.close();
  rmSync(folder, { recursive: true });
});

test('the request that the page signs with openssl starts a run', async () => {
  const script = snippets.find(({ text }) => text.includes('openssl'))?.text ?? '';
  const { stdout } = await promisify(execFile)('bash', [
    '-c',
    `SECRET='${SECRETS.github}'\n${script.replace('http://127.0.0.1:8000', api.url)}`,
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ status: 'accepted', is_repeat: false });
  expect(
    await all(
      db.pool,
      `select e.input, e.metadata ->> 'issue' as issue from howdah.executions as e`,
    ),
  ).toEqual([{ input: 'New issue: It fails. Always.', issue: '7' }]);
});

test('the command shows what the expressions make of a body, and begins nothing', async () => {
  const file = join(folder, 'body.json');
  writeFileSync(file, '{"action": "opened", "issue": {"number": 8, "title": "A", "body": "B"}}');
  const argv = ['admin', 'inbound-hooks', 'test', 'issues', '--file', file];
  const before = await all(db.pool, 'select from howdah.executions');
  const header = ['--header', 'X-GitHub-Event: issues'];
  const shown = await runCli(db.url, ...argv, ...header);
  expect(shown.status, shown.stderr).toBe(0);
  expect(JSON.parse(shown.stdout)).toEqual({
    input: 'New issue: A. B',
    metadata: { issue: 8 },
  });
  const ignored = await runCli(db.url, ...argv, '--header', 'X-GitHub-Event: push');
  expect(ignored).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('condition is false'),
  });
  const failed = await runCli(db.url, ...argv);
  expect(failed).toMatchObject({ status: 1, stderr: expect.stringContaining('condition') });
  expect(await all(db.pool, 'select from howdah.executions')).toHaveLength(before.length);
});

test('hooks are created, listed and deleted on the command line', async () => {
  const agent = await makeAgent(db.pool);
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
  const create = (...more: string[]) =>
    runCli(
      db.url,
      ...['admin', 'inbound-hooks', 'create', 'shop', '--verification', 'shared_secret'],
      ...['--secret', 'shared_secret', ...more],
    );
  expect(await create()).toMatchObject({ status: 2 });
  const mapping = ['--input', 'body.text', '--map', "metadata={'order': body.order}"];
  expect(await create('--agent', name, ...mapping)).toMatchObject({ status: 0 });
  const shown = await runCli(db.url, 'admin', 'inbound-hooks', 'show', 'shop', '--json');
  expect(JSON.parse(shown.stdout)).toMatchObject({
    path: '/hooks/shop',
    mapping: { input: 'body.text', metadata: "{'order': body.order}" },
  });
  expect((await runCli(db.url, 'ls', 'inbound-hooks')).stdout).toContain('/hooks/shop');
  const deleted = await runCli(db.url, 'admin', 'inbound-hooks', 'delete', 'shop', '--yes');
  expect(deleted).toMatchObject({ status: 0 });
});

test('the command line does the same over the API of a server', async () => {
  const agent = await makeAgent(db.pool);
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
  const over = (...argv: string[]) =>
    runCli(db.url, 'admin', 'inbound-hooks', ...argv, '--api', api.url);
  const options = ['--verification', 'github', '--secret', 'github', '--agent', name];
  expect(await over('create', 'remote', ...options)).toMatchObject({ status: 0 });
  expect((await over('list')).stdout).toContain('/hooks/remote');
  const faulty = ['create', 'faulty', ...options, '--input', 'body.('];
  const refused = { status: 2, stderr: expect.stringContaining('mapping.input') };
  expect(await over(...faulty)).toMatchObject(refused);
  expect(await runCli(db.url, 'admin', 'inbound-hooks', ...faulty)).toMatchObject(refused);
  expect(await over('delete', 'remote', '--yes')).toMatchObject({ status: 0 });
});

test('deliveries are listed on the command line', async () => {
  const hook = await makeHook(db.pool, 'github', { agent_id: await makeAgent(db.pool) });
  await db.pool.query(
    `insert into howdah.inbound_deliveries (inbound_hook_id, status, error)
     values ($1, 'refused', '{"code": "late", "message": "The request is late."}')`,
    [hook.id],
  );
  const listed = await runCli(
    db.url,
    ...['admin', 'inbound-hooks', 'deliveries', hook.name, '--status', 'refused'],
  );
  expect(listed.stdout).toContain('The request is late.');
});
