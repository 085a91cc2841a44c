import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, expect, test } from 'vitest';

const WATCHDOG = new URL('../../../src/isolation/watchdog.ts', import.meta.url).href;

const folder = mkdtempSync(join(tmpdir(), 'howdah-watchdog-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a program that starts the watchdog with one second. Returns its end and its stderr. */
async function runProgram(program: string, ...flags: string[]) {
  const file = join(folder, 'program.mjs');
  const start = `import { startWatchdog } from '${WATCHDOG}'; const end = startWatchdog(1_000);`;
  writeFileSync(file, `${start}\n${program}`);
  const child = spawn(process.execPath, [...flags, file]);
  const [printed, [code, signal]] = await Promise.all([text(child.stderr), once(child, 'exit')]);
  return { printed, code, signal };
}

const WAIT = 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);';

test('a process whose event loop stands still is ended', async () => {
  const { printed, signal } = await runProgram('for (;;);');
  expect(signal).toBe('SIGKILL');
  expect(printed).toContain('The event loop stood still for 1 s: this process is ended.');
});

test('a process that ended its watchdog is not ended', async () => {
  expect(await runProgram(`end(); ${WAIT}`)).toMatchObject({ code: 0, signal: null });
});

test('a debugger may hold the event loop', async () => {
  const program = `setTimeout(() => { ${WAIT} process.exit(7); }, 1_500);`;
  expect(await runProgram(program, '--inspect=0')).toMatchObject({ code: 7 });
});
