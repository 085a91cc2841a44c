import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench } from '../bench.ts';
import { figure } from '../figures.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const LARGEST = 10;

type PackageLock = { packages: Record<string, { dev?: boolean; devOptional?: boolean }> };

/**
 * Counts the packages of a production installation, and the bytes of their files. The packages are
 * those of the lock file that are installed in this checkout and not needed for development only.
 */
export const size: Bench = async ({ talk }) => {
  const { packages } = JSON.parse(
    readFileSync(join(ROOT, 'package-lock.json'), 'utf8'),
  ) as PackageLock;
  const sizes = Object.entries(packages)
    .filter(
      ([path, { dev, devOptional }]) =>
        path !== '' && !dev && !devOptional && existsSync(join(ROOT, path)),
    )
    .map(([path]) => ({ path, bytes: sizeOfFolder(join(ROOT, path)) }))
    .sort((one, other) => other.bytes - one.bytes);
  for (const { path, bytes } of sizes.slice(0, LARGEST)) {
    talk(`${String(megabytes(bytes)).padStart(6)} MB  ${path.replace('node_modules/', '')}`);
  }
  const total = sizes.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    figure('size', 'dependencies', sizes.length, 'count'),
    figure('size', 'installed_mb', megabytes(total), 'MB'),
  ];
};

/** Returns the bytes of the files of a package, without the packages inside it. */
function sizeOfFolder(folder: string): number {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      return entry.name === 'node_modules' ? sum : sum + sizeOfFolder(path);
    }
    return entry.isFile() ? sum + statSync(path).size : sum;
  }, 0);
}

function megabytes(bytes: number): number {
  return Math.round((bytes / 2 ** 20) * 10) / 10;
}
