import { execFileSync } from 'node:child_process';
import { PACKAGE_ROOT } from '../../src/package-root.ts';

/**
 * Checks that an earlier version may run on the schema of a later one: every migration of the
 * earlier version is in the later one, unchanged. If both are tags of versions, `to` must be the
 * earlier one. Throws with the reasons.
 *
 * test/db/schema/beside-release.test.ts checks for each commit that its new migrations only add.
 */
export function checkRollback(from: string, to: string, repository = PACKAGE_ROOT): string[] {
  if (from === '' || to === '') throw new Error('name both versions: --from v1.4.0 --to v1.3.2');
  const later = migrationsOf(from, repository);
  const earlier = migrationsOf(to, repository);
  const faults = [...earlier].flatMap(([name, blob]) => {
    const now = later.get(name);
    if (now === undefined) return [`${from} lacks the migration ${name} of ${to}`];
    return now === blob ? [] : [`the migration ${name} differs between ${to} and ${from}`];
  });
  if (!isEarlier(to, from)) faults.push(`${to} is not earlier than ${from}`);
  if (faults.length > 0) throw new Error(faults.join('\n'));
  const added = [...later.keys()].filter((name) => !earlier.has(name));
  return [
    `${to} has ${earlier.size} of the ${later.size} migrations of ${from}, unchanged`,
    added.length > 0
      ? `the database keeps ${added.join(', ')}`
      : 'both versions have the same migrations',
  ];
}

/** Returns whether a version is earlier than another one. Other commits are not compared. */
function isEarlier(tag: string, other: string): boolean {
  const [a, b] = [versionOf(tag), versionOf(other)];
  if (!a || !b) return true;
  const at = a.numbers.findIndex((number, index) => number !== b.numbers[index]);
  if (at >= 0) return (a.numbers[at] ?? 0) < (b.numbers[at] ?? 0);
  if (a.prerelease === '' || b.prerelease === '')
    return a.prerelease !== b.prerelease && b.prerelease === '';
  return a.prerelease.localeCompare(b.prerelease, 'en', { numeric: true }) < 0;
}

/** Parses a tag such as v1.2.3 or v1.2.3-rc.1; undefined for other commits. */
function versionOf(tag: string): { numbers: number[]; prerelease: string } | undefined {
  const [, core, prerelease = ''] = /^v(\d+\.\d+\.\d+)(?:-(.+))?$/.exec(tag) ?? [];
  return core === undefined ? undefined : { numbers: core.split('.').map(Number), prerelease };
}

/** Returns the migrations of a commit: the name of each file, and the digest of its content. */
function migrationsOf(ref: string, repository: string): Map<string, string> {
  const options = { cwd: repository, encoding: 'utf8' as const };
  let text: string;
  try {
    text = execFileSync('git', ['ls-tree', `${ref}:migrations`], { ...options, stdio: 'pipe' });
  } catch {
    throw new Error(`there is no commit ${ref} with a folder migrations`);
  }
  const lines = text.trim().split('\n');
  return new Map(
    lines.map((line) => {
      const [info = '', name = ''] = line.split('\t');
      return [name, info.split(' ')[2] ?? ''];
    }),
  );
}
