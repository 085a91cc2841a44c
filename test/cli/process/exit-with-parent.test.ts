import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';

const MAIN = join(import.meta.dirname, '../../../src/cli/main.ts');
const db = testDatabase();

test('a server started by npx ends with it, though the shell between them forwards no signal', async () => {
  const shell = spawn('sh', ['-c', `"${process.execPath}" "${MAIN}" start; exit`], {
    env: {
      ...{ ...process.env, DATABASE_URL: db.url, PORT: '0', HOWDAH_AUTH: 'none' },
      npm_lifecycle_event: 'npx',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  onTestFinished(() => {
    try {
      process.kill(-(shell.pid ?? 0), 'SIGKILL');
    } catch {} // no process of the group is left
  });
  let said = '';
  let isClosed = false;
  shell.stderr.on('data', (chunk) => {
    said += chunk;
  });
  shell.stderr.once('close', () => {
    isClosed = true; // closed by the last process that had it open
  });
  await expect.poll(() => said).toContain('Model');
  shell.kill('SIGTERM');
  await expect.poll(() => isClosed).toBe(true);
  expect(said).toContain('Draining 0 runs.');
});
