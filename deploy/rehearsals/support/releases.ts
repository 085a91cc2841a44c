import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import { UsageError } from './rehearsal.ts';

/** A release in a folder of its own. */
export type Release = { name: string; folder: string };

export const THIS_RELEASE: Release = { name: 'new', folder: PACKAGE_ROOT };

/** Options of the rehearsals that deploy this release over the previous one. */
export const RELEASE_USAGE = `  --seconds N   duration of each state (3)
  --clients N   clients of each kind (2)
  --from COMMIT commit of the previous release (the newest one that can be migrated)`;

/** Parses the options of `RELEASE_USAGE`. */
export function readReleaseOptions(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seconds: { type: 'string', default: '3' },
      clients: { type: 'string', default: '2' },
      from: { type: 'string' },
    },
  });
  return {
    seconds: Number(values.seconds),
    clients: Number(values.clients),
    from: values.from,
  };
}

/**
 * Checks out the previous release into a temporary folder: the commit that is named, or the newest
 * one whose schema can be migrated to this one.
 */
export function checkOutPrevious(named: string | undefined): Release & { remove(): void } {
  const commit = named ?? findPreviousCommit();
  const home = mkdtempSync(join(tmpdir(), 'howdah-release-'));
  const folder = join(home, 'tree');
  git('worktree', 'add', '--detach', folder, commit);
  symlinkSync(join(PACKAGE_ROOT, 'node_modules'), join(folder, 'node_modules'));
  const remove = () => {
    if (!existsSync(home)) return;
    git('worktree', 'remove', '--force', folder);
    rmSync(home, { recursive: true, force: true });
  };
  process.once('exit', remove); // also after Ctrl+C
  return { name: 'old', folder, remove };
}

/**
 * Finds the newest commit whose migrations are the first ones of HEAD, with the same content. Other
 * commits cannot be migrated, since merged branches have inserted migrations. A commit with fewer
 * migrations is preferred. With equal migrations, the releases differ in `sql/` only.
 */
function findPreviousCommit(): string {
  if (!existsSync(join(PACKAGE_ROOT, '.git'))) {
    throw new UsageError('the previous release is a commit: run this in a clone of the repository');
  }
  const ours = migrationsOf('HEAD');
  const commits = git('log', '--first-parent', '--format=%H', '--', 'migrations').split('\n');
  const head = git('rev-parse', 'HEAD').trim();
  const candidates = commits.filter((commit) => {
    const theirs = migrationsOf(commit);
    return commit !== head && theirs.every((name, index) => name === ours[index]);
  });
  const previous =
    candidates.find((commit) => migrationsOf(commit).length < ours.length) ?? candidates[0];
  if (previous === undefined) {
    throw new UsageError('this clone has no previous release: name a commit with --from');
  }
  return previous;
}

/** Returns name and digest of each migration, since a migration may change until its release. */
const migrationsOf = (commit: string): string[] =>
  git('ls-tree', '--format=%(path) %(objectname)', commit, 'migrations/').split('\n').toSorted();

function git(...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync('git', ['-C', PACKAGE_ROOT, ...argv], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new UsageError(`git ${argv[0]}: ${stderr.trim()}`);
  return stdout.trim();
}
