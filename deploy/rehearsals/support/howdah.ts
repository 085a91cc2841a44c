import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/** Runs `howdah` in a process of its own, as an operator does, and gives what it printed as JSON. Throws what it said when it fails. */
export async function howdah<T>(url: string, ...argv: string[]): Promise<T> {
  const child = spawn(process.execPath, [ENTRY, '--json', ...argv], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let printed = '';
  let said = '';
  child.stdout.on('data', (text) => {
    printed += text;
  });
  child.stderr.on('data', (text) => {
    said += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) throw new Error(`howdah ${argv.join(' ')} ended with ${code}: ${said}${printed}`);
  return JSON.parse(printed) as T;
}
