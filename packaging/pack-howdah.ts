import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(import.meta.dirname, '..');
const run = promisify(execFile);

/**
 * Packs Howdah into a folder, and returns the path of the tarball. The build runs in a copy of the
 * files that package.json lists, so that it creates no `dist` in the checkout.
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
