import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli } from '../run-cli.ts';

// Evaluations by commands on another machine than the database: --api names the server.

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let folder: string;
let agent: string;

const cli = async (...argv: string[]) => {
  const { status, stdout, stderr } = await runCli(UNREACHABLE_URL, ...argv, '--api', api.url);
  expect({ status, stderr }, argv.join(' ')).toEqual({ status: 0, stderr: expect.any(String) });
  return stdout;
};
const json = async (...argv: string[]) => JSON.parse(await cli('--json', ...argv));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'howdah-eval-'));
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
  const id = await makeAgent(db.pool, { script: [{ content: 'yes' }] });
  agent = (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name;
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  await rm(folder, { recursive: true, force: true });
});

test('an evaluation, its gate and its figures', async () => {
  const file = join(folder, 'items.jsonl');
  await writeFile(file, '{"input": "a", "expected": "yes"}\n{"input": "b", "expected": "no"}\n');
  await cli('dataset', 'create', 'words');
  await cli('dataset', 'add', 'words', file);
  await cli('dev', 'graders', 'create', 'same', '--kind', 'exact', '--dataset', 'words');
  await cli(
    'dev',
    'graders',
    'create',
    'any',
    ...['--kind', 'regex'],
    ...['--configuration', '{"pattern": "."}'],
  );
  const run = ['eval', 'run', 'words', '--agent', agent];
  const first = await json(...run, '--fail-under', '0.5');
  expect(first).toMatchObject({ faults: [], evaluation: { totals: { passed: 1, failed: 1 } } });
  const { id } = first.evaluation;
  await cli('eval', 'promote', id);
  const second = await json(...run, '--no-worse-than', 'production', '--items-at', '0s');
  expect(second.evaluation.items).toBe(2);
  await cli('eval', 'wait', id, '--no-worse-than', 'production');
  await cli('run', agent, 'Hello.');
  const live = await json(
    'eval',
    'grade-runs',
    'words',
    ...['--agent', agent],
    ...['--graders', 'any'],
  );
  expect(live.evaluation.totals.graded).toBeGreaterThan(0);
  expect(await cli('eval', 'by-day', '--dataset', 'words', '--source', 'items')).toContain('50 %');
  expect(await cli('eval', 'leaderboard', 'words')).toContain(agent);
  expect(await cli('eval', 'items', id)).toContain('FLAKINESS');
  expect(await cli('eval', 'compare', id, second.evaluation.id)).toContain('inside the noise');
  expect(await cli('dataset', 'export', 'words', '--format', 'sft')).toContain('"yes"');
});
