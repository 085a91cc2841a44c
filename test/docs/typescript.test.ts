import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, expect, test } from 'vitest';
import { ROOT, snippetsOf } from './snippets.ts';

// Checks every TypeScript program of the README and of docs/ against the exported types.

const PAGES = ['README.md', ...pagesOf('docs'), ...pagesOf('docs/how-to')];
const programs = PAGES.flatMap(snippetsOf).filter(
  ({ language, text }) => language === 'ts' && text.includes("from 'howdah'"),
);

const folder = mkdtempSync(join(tmpdir(), 'howdah-snippets-'));
afterAll(() => rmSync(folder, { recursive: true }));

function pagesOf(path: string): string[] {
  return readdirSync(join(ROOT, path))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `${path}/${name}`);
}

test('programs compile', async () => {
  expect(programs.length).toBeGreaterThan(2);
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  for (const [at, { page, text }] of programs.entries()) {
    writeFileSync(join(folder, `${page.replaceAll(/\W/g, '_')}_${at}.ts`), text);
  }
  const project = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: { noUnusedLocals: false, paths: { howdah: [join(ROOT, 'src/index.ts')] } },
    include: ['*.ts'],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project));
  writeFileSync(join(folder, 'package.json'), '{"type": "module"}');
  const tsc = join(ROOT, 'node_modules/.bin/tsc');
  const { stdout } = await promisify(execFile)(tsc, ['-p', folder]).catch((error) => error);
  expect(stdout).toBe('');
});
