import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { parseJson } from '../../src/json/parse-json.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { expectNumbers, NUMBERS, SNOWFLAKE } from '../json/exact-numbers.ts';
import { makeAgent } from '../runtime/arrange.ts';
import { one } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { runCli } from './run-cli.ts';

// Long numbers go in and out through the command line, on the database and on a server.

const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const DOCUMENT = `{"n": ${NUMBERS}, "deep": [{"n": ${NUMBERS}}]}`;
const parameters = { type: 'object', properties: { n: { type: 'array' } } };

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let folder: string;
let agent: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'howdah-exact-'));
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url, {
    tools: [{ name: 'echo', description: '', parameters, run: (args) => args }],
  });
  const id = await makeAgent(db.pool, {
    script: [
      { tool_calls: [{ name: 'echo', arguments: parseJson(DOCUMENT) }] },
      { content: DOCUMENT },
    ],
    tools: ['echo'],
    output_schema: parameters,
  });
  agent = (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name;
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs a command that has to succeed, and returns its output. */
const database = async (...line: string[]) => succeeded(await runCli(db.url, ...line));
const server = async (...line: string[]) =>
  succeeded(await runCli(UNREACHABLE_URL, ...line, '--api', api.url));

function succeeded(result: Awaited<ReturnType<typeof runCli>>): string {
  expect(result.status, result.stderr).toBe(0);
  return result.stdout;
}

/** Returns the newest run, with its numbers as Postgres writes them. */
const newestRun = (): Promise<{ id: string; stored: string; overrides: string }> =>
  one(
    db.pool,
    `select e.id, jsonb_build_array(e.input_data, e.metadata)::text as stored,
       e.overrides::text as overrides
     from howdah.executions as e order by e.id desc limit 1`,
  );

describe.each([
  ['the database', database],
  ['a server', server],
])('on %s', (_, cli) => {
  let id: string;

  test('a run takes them', async () => {
    const options = ['--data', DOCUMENT, '--metadata', DOCUMENT];
    const overrides = ['--overrides', `{"request_params": {"extra": ${DOCUMENT}}}`];
    const params = ['--param', `seed=${SNOWFLAKE}`, '--temperature', '0.12345678901234567890'];
    await cli('run', agent, 'x', ...options, ...overrides, ...params);
    const run = await newestRun();
    id = run.id;
    await expectNumbers(db.pool, run.stored, 4);
    await expectNumbers(db.pool, run.overrides, 2);
    expect(run.overrides).toContain(`"seed": ${SNOWFLAKE}`);
    expect(run.overrides).toContain('"temperature": 0.12345678901234567890');
  });

  test.each([
    ['show', ['show', 'ID', '--json'], 4],
    ['show a step', ['show', 'ID/2', '--json'], 2],
    ['show a step as text', ['show', 'ID/2'], 2],
    ['watch', ['watch', 'ID', '--json'], 4],
    ['the answer', ['watch', 'ID'], 2],
  ] as const)('%s prints them', async (_name, line, least) => {
    const printed = await cli(...line.map((word) => word.replace('ID', id)));
    await expectNumbers(db.pool, printed, least);
  });

  test('a fork takes them', async () => {
    await cli('fork', id, '--seq', '0', '--data', DOCUMENT);
    await expectNumbers(db.pool, (await newestRun()).stored, 2);
  });
});

test('an export is exact, replays, and a change of one digit is found', async () => {
  await database('run', agent, 'x', '--data', DOCUMENT);
  const { id } = await newestRun();
  const file = join(folder, 'run.json');
  const exported = await database('export-run', id);
  await expectNumbers(db.pool, exported, 6);
  await database('export-run', id, '--out', file);
  expect(await database('replay', id)).toContain('equal');
  expect(succeeded(await runCli(UNREACHABLE_URL, 'replay', file))).toContain('equal');
});

test('sql prints them in each format', async () => {
  const query = `select '${DOCUMENT}'::jsonb as document`;
  for (const format of [[], ['--json'], ['-o', 'csv']]) {
    const printed = await database('sql', query, ...format);
    await expectNumbers(db.pool, printed.replaceAll('""', '"'), 2); // quotes of CSV
  }
});

test.each([
  [
    'limits',
    ['admin', 'limits', 'create', 'cost', '12345678901234567.1234'],
    'max_value::text',
    'howdah.limits',
  ],
] as const)('%s keep the digits of what people wrote', async (_, line, column, table) => {
  const result = await runCli(db.url, ...line);
  const rows = (await db.pool.query(`select ${column} as value from ${table}`)).rows;
  if (result.status === 0) expect(rows).toEqual([{ value: line.at(-1) }]);
  else expect([result.status, result.stderr]).toEqual([2, expect.stringContaining('number')]);
});
