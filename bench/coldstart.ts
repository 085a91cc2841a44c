import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stopEmbedded } from '../src/db/embedded/embedded.ts';
import type { Bench } from './bench.ts';
import { figure, median } from './figures.ts';

const MAIN = fileURLToPath(new URL('../src/cli/main.ts', import.meta.url));

/** From the start of the demo in an empty folder (initdb, start, migrate, sample data) to the first answer on the terminal. */
export const coldstart: Bench = async () => {
  const seconds: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    seconds.push(await firstAnswer());
  }
  return [figure('coldstart', 'coldstart_first_answer_s', median(seconds), 's', { atMost: 10 })];
};

async function firstAnswer(): Promise<number> {
  const home = mkdtempSync(join(tmpdir(), 'howdah-cold-'));
  chmodSync(home, 0o755); // the server may run as another user
  const begun = performance.now();
  const { DATABASE_URL: _, OPENAI_API_KEY: __, ...env } = process.env;
  const demo = spawn(process.execPath, [MAIN, 'demo'], { env: { ...env, HOWDAH_HOME: home } });
  let first = Number.NaN;
  demo.stdout.on('data', (chunk) => {
    if (Number.isNaN(first) && /\d+ {2}output/.test(String(chunk))) {
      first = (performance.now() - begun) / 1000;
    }
  });
  try {
    await once(demo, 'exit');
    return first;
  } finally {
    await stopEmbedded(home);
    rmSync(home, { recursive: true, force: true });
  }
}
