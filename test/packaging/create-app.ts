import { spawn } from 'node:child_process';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../packaging/create-howdah/bin.js');

/** Runs create-howdah in a folder. */
export async function createApp(cwd: string, ...argv: string[]) {
  const child = spawn(process.execPath, [PROGRAM, ...argv], { cwd });
  const printed = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text) => {
      printed[name] += text;
    });
  }
  const status = await new Promise((resolve) => child.once('close', resolve));
  return { status, ...printed };
}
