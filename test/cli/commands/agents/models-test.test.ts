import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { startTestApi } from '../../../api/harness.ts';
import { makeModel, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { runCli } from '../../run-cli.ts';

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const db = testDatabase();
let api: ApiServer;
let worker: Worker;

const MODELS = {
  talking: ['llm', [{ content: 'ready' }, { tool_calls: [{ name: 'order_status' }] }]],
  near: ['embedding', [{ vectors: { e: [0.1, 0.2, 0.3] } }]],
  voice: ['tts', [{ speech: { audio: 'SGVsbG8=', media_type: 'audio/wav' } }]],
  ear: ['stt', [{ transcript: 'a tone' }]],
  painter: ['image', [{ image: 'iVBORw0KGgoAAAANSUhEUgAAAgAAAAEA' }]],
  sorter: ['rerank', [{ scores: { Bananas: 0.1, order: 0.9 } }]],
  broken: ['llm', [{ error: { status: 401 } }]],
} as const;

beforeAll(async () => {
  const { id: tenant_id } = await one(
    db.pool,
    `select id::text as id from howdah.tenants where slug = 'default'`,
  );
  for (const [name, [purpose, script]] of Object.entries(MODELS)) {
    const request_params = JSON.stringify({ script });
    await makeModel(db.pool, {
      ...{ tenant_id, name, purpose, request_params },
      ...{ provider: 'scripted', model: `${name}-1` },
    });
  }
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const clis = {
  'a database': (...line: string[]) => runCli(db.url, 'models', 'test', ...line),
  'a server': (...line: string[]) =>
    runCli(UNREACHABLE_URL, 'models', 'test', ...line, '--api', api.url),
};

describe.each(Object.entries(clis))('howdah models test with %s', (_, cli) => {
  test.each([
    ['voice', `unit_price = 0.000015, price_unit = 'character'`, '0.00009', 6 * 0.000015],
    ['ear', `unit_price = 0.006, price_unit = 'minute'`, '0.00005', 0.00005],
    ['talking', 'input_price = 2, output_price = 10', undefined, undefined],
    ['near', 'input_price = 0', '0', 0],
  ])('prints the cost of %s', async (name, prices, printed, cost) => {
    await db.pool.query(`update howdah.models set ${prices} where name = $1`, [name]);
    expect((await cli(name)).stdout).toMatch(
      new RegExp(` s, ${printed?.replace('.', '\\.') ?? '0\\.0\\d+'} USD\\n$`),
    );
    const { cost: reported } = JSON.parse((await cli(name, '--json')).stdout);
    if (cost === undefined) expect(reported).toBeGreaterThan(0);
    else expect(reported).toBeCloseTo(cost, 9);
    await db.pool.query(
      `update howdah.models set input_price = null, output_price = null, unit_price = null,
         price_unit = null where name = $1`,
      [name],
    );
  });

  test.each([
    ['talking', 'answered "ready" and called a tool'],
    ['near', 'vectors of length 3'],
    ['voice', '5 bytes of audio/wav'],
    ['ear', 'heard "a tone"'],
    ['painter', '24 bytes of image/png (512 × 256)'],
    ['sorter', 'ranked "Your order was delivered on Monday." (0.9), "Bananas are yellow." (0.1)'],
  ])('prints that %s works', async (name, result) => {
    const { status, stdout } = await cli(name);
    expect([status, stdout.replace(/[\d.]+ s$/m, '… s')]).toEqual([
      0,
      `${name} ok: ${result}, … s\n`,
    ]);
  });

  test('prints the cost of a test, if the model has a price', async () => {
    await db.pool.query(
      `update howdah.models set unit_price = 0.04, price_unit = 'image' where name = 'painter'`,
    );
    expect((await cli('painter')).stdout).toMatch(/ s, 0\.04 USD\n$/);
    await db.pool.query(
      `update howdah.models set unit_price = null, price_unit = null where name = 'painter'`,
    );
  });

  test('prints the error of a model that fails, and exits with 1', async () => {
    const { status, stdout, stderr } = await cli('broken');
    expect([status, stdout]).toEqual([1, 'broken failed: unauthorized\n']);
    expect(stderr).toContain('secret_name');
  });

  test('prints JSON', async () => {
    const passed = await cli('ear', '--json');
    expect([passed.status, JSON.parse(passed.stdout)]).toMatchObject([
      0,
      { ok: true, purpose: 'stt', provider: 'scripted', model: 'ear-1', text: 'a tone' },
    ]);
    const failed = await cli('broken', '--json');
    expect([failed.status, JSON.parse(failed.stdout)]).toMatchObject([
      1,
      { ok: false, error: { code: 'unauthorized' } },
    ]);
  });

  test('rejects an unknown model, and no name', async () => {
    expect(await cli('brokn')).toMatchObject({
      status: 3,
      stdout: '',
      stderr: expect.stringContaining('broken'),
    });
    expect((await cli()).status).toBe(2);
  });
});
