import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { productionPaths } from '../../packaging/licences.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/**
 * Installs a tarball of Howdah into `node_modules`, with links to the packages of its installation,
 * and to other packages of the checkout.
 */
export async function installPacked(
  tarball: string,
  modules: string,
  others: readonly string[] = [],
): Promise<void> {
  const howdah = join(modules, 'howdah');
  mkdirSync(howdah, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', howdah, '--strip-components=1']);
  // Only packages at the top are linked. Each finds its nested ones by its real path.
  const paths = [...productionPaths(), ...others.map((name) => `node_modules/${name}`)];
  for (const path of new Set(paths)) {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    if (name === undefined || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, path), join(modules, name), 'dir');
  }
}
