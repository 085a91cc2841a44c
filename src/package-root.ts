import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of this package, where `migrations/` and `sql/` stand: above `src` in a checkout, above `dist` when packed. */
export const PACKAGE_ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

/** The version of this release, as package.json has it. */
export function releaseVersion(): string {
  const file = readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

function findRoot(folder: string): string {
  return existsSync(join(folder, 'migrations')) ? folder : findRoot(dirname(folder));
}
