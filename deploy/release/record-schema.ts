import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PACKAGE_ROOT } from '../../src/package-root.ts';

/**
 * Writes the database of a commit into a folder. test/fixtures/releases has one for each release,
 * and later releases are tested with it.
 */
export function recordSchema(commit: string, out: string): string[] {
  const folder = resolve(out);
  mkdirSync(folder, { recursive: true });
  const script = join(PACKAGE_ROOT, 'test/support/releases/record-release.ts');
  const text = execFileSync(process.execPath, [script, commit, folder], {
    cwd: PACKAGE_ROOT,
    encoding: 'utf8',
  });
  return text.trim().split('\n');
}
