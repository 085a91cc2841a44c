import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { runCli, startCli } from '../run-cli.ts';

const db = testDatabase();

test('a worker that exceeds --memory drains and exits with 1', async () => {
  const bound = Math.ceil(process.memoryUsage.rss() / 2 ** 20) + 300;
  const worker = startCli(db.url, 'worker', '--memory', String(bound));
  await expect.poll(() => worker.stderr()).toContain('Howdah is ready.');
  const hoard = Buffer.alloc(600 * 2 ** 20, 1);
  const { status, stderr } = await worker.end();
  expect(hoard.length).toBeGreaterThan(0);
  expect(status).toBe(1);
  expect(stderr).toContain(`more than --memory ${bound}`);
  expect(stderr).toContain('Draining 0 runs.');
  const { rows } = await db.pool.query('select count(*)::int as n from howdah_private.workers');
  expect(rows[0].n).toBe(0);
});

test('rejects --memory that is below the current usage or is not a number', async () => {
  const { status, stderr } = await runCli(db.url, 'worker', '--memory', '128');
  expect(status).toBe(2);
  expect(stderr).toContain('--memory 128 is less than the ');
  for (const bad of ['0', '-1', '12.5', 'much', '1GB']) {
    expect((await runCli(db.url, 'worker', `--memory=${bad}`)).status, bad).toBe(2);
  }
});
