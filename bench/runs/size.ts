import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.ts';
import { figure } from '../figures.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LARGEST = 10;

type Locked = { packages: Record<string, { dev?: boolean; devOptional?: boolean }> };

/** What production installs: its packages by the lock file, as far as they are installed here, and what they weigh. */
export const size: Bench = async ({ talk }) => {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as Locked;
  const weights = Object.entries(packages)
    .filter(
      ([path, { dev, devOptional }]) =>
        path !== '' && !dev && !devOptional && existsSync(join(ROOT, path)),
    )
    .map(([path]) => ({ path, bytes: weigh(join(ROOT, path)) }))
    .sort((one, other) => other.bytes - one.bytes);
  for (const { path, bytes } of weights.slice(0, LARGEST)) {
    talk(`${String(megabytes(bytes)).padStart(6)} MB  ${path.replace('node_modules/', '')}`);
  }
  const total = weights.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    figure('size', 'dependencies', weights.length, 'count'),
    figure('size', 'installed_mb', megabytes(total), 'MB'),
  ];
};

/** Bytes of the files of a package, without those of packages inside it. */
function weigh(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return entry.name === 'node_modules' ? sum : sum + weigh(path);
    }
    return entry.isFile() ? sum + statSync(path).size : sum;
  }, 0);
}

function megabytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}
