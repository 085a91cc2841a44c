import { randomBytes } from 'node:crypto';
import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { startEmbedded, stopEmbedded } from '../../../src/db/embedded/embedded.ts';
import { migrateUp } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { withDatabase } from '../../support/server.ts';

test('migrations leave no error in the log of the server', async () => {
  const home = mkdtempSync(join(tmpdir(), 'howdah-test-'));
  chmodSync(home, 0o755); // the server may run as another user
  const { url } = await startEmbedded({ home });
  onTestFinished(async () => {
    await stopEmbedded(home);
    rmSync(home, { recursive: true, force: true });
  });
  await migrateUp(url, migrateQueue);
  const log = globSync(join(home, '**/server.log')).map((file) => readFileSync(file, 'utf8'));
  expect(log).toHaveLength(1);
  expect(log[0]?.split('\n').filter((line) => /ERROR|PANIC/.test(line))).toEqual([]);
});

test('a database that cannot store every character is refused with a sentence', async () => {
  const name = `howdah_test_${randomBytes(6).toString('hex')}`;
  const client = new pg.Client(inject('serverUrl'));
  await client.connect();
  await client.query(
    `create database ${name} encoding 'LATIN1' locale_provider libc lc_collate 'C' lc_ctype 'C' template template0`,
  );
  onTestFinished(async () => {
    await client.query(`drop database ${name} with (force)`);
    await client.end();
  });
  await expect(
    migrateUp(withDatabase(inject('serverUrl'), name), migrateQueue),
  ).rejects.toMatchObject({
    code: 'HWINV',
    message: `the database ${name} has the encoding LATIN1, but Howdah needs UTF8`,
    detail: { encoding: 'LATIN1' },
  });
});
