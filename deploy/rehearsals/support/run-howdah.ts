import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/**
 * Runs a command of `howdah` in a process of its own, and returns the JSON that it prints. Throws
 * an error with its output if it fails.
 */
export async function runHowdah<T>(url: string, ...argv: string[]): Promise<T> {
  const child = spawn(process.execPath, [ENTRY, '--json', ...argv], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  child.stderr.on('data', (text) => {
    stderr += text;
  });
  const code = await new Promise((resolve) => child.on('close', resolve));
  if (code !== 0) {
    throw new Error(`howdah ${argv.join(' ')} ended with ${code}: ${stderr}${stdout}`);
  }
  return JSON.parse(stdout) as T;
}
