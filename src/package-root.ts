import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseJson } from './json/parse-json.ts';

/**
 * The folder of this package with `migrations/` and `sql/`: above `src` in a checkout, above `dist`
 * when packed.
 */
export const PACKAGE_ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

/** Returns the version of this release from package.json. */
export function releaseVersion(): string {
  const file = readFileSync(join(PACKAGE_ROOT, 'package.json'), 'utf8');
  return (parseJson(file) as { version: string }).version;
}

/**
 * Returns the file of the module `name` beside the module at `url`, to start a process with: .ts in
 * a checkout, .js when packed.
 */
export function programBeside(url: string, name: string): string {
  return fileURLToPath(new URL(`${name}${extname(url)}`, url));
}

/**
 * Returns whether this process was started with the module at `url`. `import.meta.main` exists only
 * from Node 24.2 on.
 */
export function isEntry(url: string): boolean {
  const entry = process.argv[1];
  return entry !== undefined && existsSync(entry) && realpathSync(entry) === fileURLToPath(url);
}

function findRoot(folder: string): string {
  return existsSync(join(folder, 'migrations')) ? folder : findRoot(dirname(folder));
}
