import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, onTestFinished, test } from 'vitest';

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, '../..');

/** Files of a checkout after the site of the documentation was built. */
const FILES = [
  ...['docs/README.md', 'docs/how-to/README.md', 'docs/reference/cli.md'],
  ...['docs/package.json', 'docs/package-lock.json', 'docs/node_modules/vitepress/index.js'],
  ...['docs/.vitepress/config.ts', 'docs/.vitepress/dist/index.html'],
];

test('the package has the pages of docs/, but not the files of their site', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { name, version, files } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version, files }));
  for (const file of FILES) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), '{}');
  }
  const pack = ['pack', '--dry-run', '--json', '--ignore-scripts'];
  const { stdout } = await run('npm', pack, { cwd: folder });
  const [packed] = Object.values(JSON.parse(stdout)) as [{ files: { path: string }[] }];
  expect(packed.files.map(({ path }) => path).sort()).toEqual([
    ...['docs/README.md', 'docs/how-to/README.md', 'docs/reference/cli.md', 'package.json'],
  ]);
});
