import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { productionPaths } from './licences.ts';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);

/**
 * Packs Howdah into a folder, and returns the path of the tarball. It is built in a copy of what
 * `files` names, so that no `dist` comes to lie in the checkout.
 */
export async function packHowdah(folder: string): Promise<string> {
  const source = mkdtempSync(join(tmpdir(), 'howdah-source-'));
  try {
    const manifest = readFileSync(join(ROOT, 'package.json'), 'utf8');
    const { files, version } = JSON.parse(manifest) as { files: string[]; version: string };
    for (const path of ['package.json', ...files.filter((one) => existsSync(join(ROOT, one)))])
      if (path !== 'dist') cpSync(join(ROOT, path), join(source, path), { recursive: true });
    const dist = join(source, 'dist');
    const options = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', dist];
    await run(join(ROOT, 'node_modules/.bin/tsc'), options);
    await run(process.execPath, [join(ROOT, 'packaging/main.ts'), dist]);
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: source });
    return join(folder, `howdah-${version}.tgz`);
  } finally {
    rmSync(source, { recursive: true, force: true });
  }
}

/**
 * Installs a tarball of Howdah into `node_modules`, with links to what its installation brings and
 * to other packages of the checkout.
 */
export async function installPacked(
  tarball: string,
  modules: string,
  others: readonly string[] = [],
): Promise<void> {
  const howdah = join(modules, 'howdah');
  mkdirSync(howdah, { recursive: true });
  await run('tar', ['-xzf', tarball, '-C', howdah, '--strip-components=1']);
  // The packages at the top; each finds its own ones where it really lies.
  const paths = [...productionPaths(), ...others.map((name) => `node_modules/${name}`)];
  for (const path of new Set(paths)) {
    const [, name] = /^node_modules\/((?:@[^/]+\/)?[^/]+)$/.exec(path) ?? [];
    if (name === undefined || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, path), join(modules, name), 'dir');
  }
}
