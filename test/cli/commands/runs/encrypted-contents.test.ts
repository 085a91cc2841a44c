import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { secretRowsOn } from '../../../../src/db/access/secrets.ts';
import { createContentCipher } from '../../../../src/secrets/contents.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { callTools, makeAgent, runToEnd } from '../../../runtime/arrange.ts';
import { one } from '../../../sql/support.ts';
import { eventually, testDatabase } from '../../../support/database.ts';
import { encryptRuns } from '../../../support/work/encrypt-runs.ts';
import { startTestWorker, TEST_MASTER_KEYS } from '../../../support/worker.ts';
import { type CliResult, runCli } from '../../run-cli.ts';

// Output of the command line about runs with encrypted contents.

const db = testDatabase();
const KEY = Buffer.alloc(32, 7).toString('base64');
const OTHER_KEY = Buffer.alloc(32, 8).toString('base64');
let worker: Worker;
let run: string;
let other: string;
let agent: string;

beforeAll(async () => {
  worker = await startTestWorker(db.url);
  const id = await makeAgent(db.pool, {
    script: [
      callTools({ name: 'calculator', arguments: { expression: '1 / 3' } }),
      { content: 'The bird sings.' },
    ],
    tools: ['calculator'],
  });
  agent = (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name;
  const columns = { input_data: { n: 1.5, deep: { canary: 'data' } } };
  run = (await runToEnd(db.pool, id, 'Does the canary sing?', columns)).id;
  other = (await runToEnd(db.pool, id, 'Does another canary sing?')).id;
  await db.pool.query('insert into howdah.retention_policies (encrypt_contents) values (true)');
  await db.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
  const cipher = createContentCipher(secretRowsOn(db.pool), TEST_MASTER_KEYS);
  await encryptRuns(db.pool, cipher, (error) => {
    throw error;
  });
  await eventually(
    db.pool,
    'all runs are encrypted',
    'select 1 where not exists (select from howdah.executions where contents_encrypted_at is null)',
  );
});
afterAll(() => worker?.stop(0));
afterEach(() => vi.unstubAllEnvs());

async function withKey(key: string | undefined, ...argv: string[]): Promise<CliResult> {
  vi.stubEnv('HOWDAH_SECRET_KEY', key);
  const result = await runCli(db.url, ...argv);
  return result;
}

const ONE_KEY = 'select 1 from howdah_private.data_keys having count(*) = 1';

const COMMANDS: [what: string, argv: () => string[]][] = [
  ['show', () => ['show', run]],
  ['show of all steps', () => ['show', run, '--json']],
  ['runs', () => ['runs', '--json']],
  ['watch', () => ['watch', run, '--json']],
  ['watch of a tree', () => ['watch', run, '--tree', '--json']],
  ['export', () => ['runs', 'export', run]],
  ['sql', () => ['sql', `select input, output from howdah.executions where id = '${run}'`]],
];

describe.each(COMMANDS)('%s', (_, argv) => {
  test('prints plain text with the key', async () => {
    const { status, stdout, stderr } = await withKey(KEY, ...argv());
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(stdout + stderr).toMatch(/canary|bird/);
    expect(stdout + stderr).not.toMatch(/howdah\.sealed|\[encrypted\]/);
  });

  test('prints no ciphertext without the key, and says once how to read it', async () => {
    const { status, stdout, stderr } = await withKey(OTHER_KEY, ...argv());
    expect(status).toBe(0);
    expect(stdout).toContain('[encrypted]');
    expect(stdout + stderr).not.toMatch(/canary|howdah\.sealed/);
    expect(stderr.match(/HOWDAH_SECRET_KEY/g)).toHaveLength(1);
  });
});

test('diff calls no step the same, since texts were not compared', async () => {
  const { status, stdout, stderr } = await withKey(KEY, 'diff', run, other);
  expect(status).toBe(0);
  expect(stdout).toMatch(/^steps: \d+ alike except for their texts/m);
  expect(stdout).not.toContain('the same');
  expect(stderr).toContain('Encrypted texts were not compared.');
});

test('an exported run can be replayed', async () => {
  const { status, stderr } = await withKey(KEY, 'dev', 'replay', run);
  expect({ status, stderr }).toEqual({ status: 0, stderr });
});

test('an export is the same as before, with all digits', async () => {
  const { stdout } = await withKey(KEY, 'runs', 'export', run);
  const { execution } = JSON.parse(stdout);
  expect(execution).toMatchObject({
    input: 'Does the canary sing?',
    input_data: { n: 1.5, deep: { canary: 'data' } },
    output: 'The bird sings.',
  });
});

test('a tenant is shown no contents of another tenant, although both are encrypted', async () => {
  await db.pool.query(`insert into howdah.tenants (slug, name) values ('beta', 'Beta')`);
  const { output } = await one(db.pool, 'select output from howdah.executions where id = $1', [
    other,
  ]);
  const { stdout } = await withKey(KEY, 'sql', '--tenant', 'beta', `select '${output}' as stolen`);
  expect(stdout).toContain('[encrypted]');
  expect(stdout).not.toContain('canary');
});

test('an archive stays encrypted, and is restored in plain text after its data key was deleted', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-archive-'));
  const { month } = await one(db.pool, `select to_char(now(), 'YYYY-MM') as month`);
  const archived = await withKey(KEY, 'admin', 'retention', 'archive', month, '--out', folder);
  expect(archived).toMatchObject({ status: 0 });
  for (const file of ['executions', 'messages', 'steps']) {
    const rows = gunzipSync(readFileSync(join(folder, month, `${file}.jsonl.gz`))).toString();
    expect(rows).toContain('howdah.sealed.v2.');
    expect(rows).not.toContain('canary');
  }
  await withKey(KEY, 'admin', 'secret', 'rotate', '--data');
  await eventually(db.pool, 'one data key is left', ONE_KEY);
  const restore = async (key: string, schema: string) => {
    const path = join(folder, month);
    const args = ['admin', 'retention', 'restore', path, '--schema', schema];
    expect(await withKey(key, ...args)).toMatchObject({ status: 0 });
    return (await one(db.pool, `select input from ${schema}.executions where id = $1`, [run]))
      .input;
  };
  expect(await restore(KEY, 'with_key')).toBe('Does the canary sing?');
  expect(await restore(OTHER_KEY, 'without_key')).toMatch(/^howdah\.sealed\.v2\./);
  rmSync(folder, { recursive: true });
});

test('doctor says what is encrypted, and rotate encrypts it anew', async () => {
  const contents = async () => {
    const { stdout } = await withKey(KEY, 'doctor', '--json');
    const { items } = JSON.parse(stdout) as { items: { check: string; found: string }[] };
    return items.filter(({ check }) => check === 'contents').map(({ found }) => found);
  };
  expect(await contents()).toEqual(['tenants with encrypted runs: 1']);
  await worker.stop(0);
  const { stdout } = await withKey(KEY, 'admin', 'secret', 'rotate', '--data', '--json');
  expect(JSON.parse(stdout)).toEqual({ tenants: 1, resealed: 0, runs: 2 });
  expect(await contents()).toEqual([
    'tenants with encrypted runs: 1',
    '2 runs with their child runs wait for a worker to encrypt or decrypt them',
    'encryption of contents is on for 1 tenants, but no worker is running',
  ]);
  worker = await startTestWorker(db.url);
  await eventually(db.pool, 'one data key is left', ONE_KEY);
  expect(await contents()).toEqual(['tenants with encrypted runs: 1']);
  expect((await withKey(KEY, 'show', run)).stdout).toContain('The bird sings.');
});

test('runs of an agent are found by its name, whatever is encrypted', async () => {
  const { stdout } = await withKey(KEY, 'runs', '--agent', agent, '--json');
  expect(JSON.parse(stdout).items).toHaveLength(2);
});

test('doctor names no encrypted runs once all are decrypted', async () => {
  await db.pool.query('delete from howdah.retention_policies');
  await eventually(
    db.pool,
    'no run is encrypted or waits',
    `select 1 where not exists (
       select from howdah.executions where contents_encrypted_at is not null
     ) and not exists (select from howdah_private.due_work where kind = 'encrypt_run')`,
  );
  const { stdout } = await withKey(KEY, 'doctor', '--json');
  const { items } = JSON.parse(stdout) as { items: { check: string }[] };
  expect(items.filter(({ check }) => check === 'contents')).toEqual([]);
});
