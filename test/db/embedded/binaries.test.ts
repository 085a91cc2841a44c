import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'howdah-binaries-'));
afterAll(() => rmSync(folder, { recursive: true }));

const module = new URL('../../../src/db/embedded/binaries.ts', import.meta.url).href;

/** Runs a program with --version in its own process, and returns its output. */
function printVersion(postgres: string) {
  const code = `
    const { majorVersion } = await import(${JSON.stringify(module)});
    try { console.log(majorVersion({ postgres: ${JSON.stringify(postgres)} })); }
    catch ({ code, message, hint }) { console.log(JSON.stringify({ code, message, hint })); }`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--no-warnings', '--input-type=module', '-e', code],
    { encoding: 'utf8' },
  );
  return { stdout: stdout.trim(), stderr };
}

test('a server that fails to start is an error with its own message, and prints nothing', () => {
  const program = join(folder, 'broken');
  writeFileSync(program, '#!/bin/sh\necho "libicu.so: not found" >&2\nexit 127\n', { mode: 0o755 });
  const { stdout, stderr } = printVersion(program);
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual({
    code: 'EPOSTGRES',
    message: `${program} does not run here: libicu.so: not found`,
    hint: 'Use a Linux with glibc, such as Debian: Alpine has none. Or set DATABASE_URL to use your own PostgreSQL.',
  });
});

test('a missing server binary is an error without a stack', () => {
  const program = join(folder, 'missing');
  expect(JSON.parse(printVersion(program).stdout).message).toBe(
    `${program} does not run here: spawnSync ${program} ENOENT`,
  );
});

test('reads the major version of a working binary', () => {
  const program = join(folder, 'runs');
  writeFileSync(program, '#!/bin/sh\necho "postgres (PostgreSQL) 17.4"\n', { mode: 0o755 });
  expect(printVersion(program)).toEqual({ stdout: '17', stderr: '' });
});
