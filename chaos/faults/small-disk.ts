import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A file system of its own, in memory. */
export type SmallDisk = {
  /** A folder on it, for a server. */
  home: string;
  /** Once nobody uses it any more. */
  unmount(): void;
};

/** Mounts one; where that is not possible (not Linux, not root) it gives the reason, in one line. */
export function mountSmallDisk(megabytes: number): SmallDisk | string {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-disk-'));
  try {
    const options = `size=${megabytes}m,mode=0755`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'howdah-chaos', folder], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    rmdirSync(folder);
    return `no file system can be mounted here: ${(error as Error).message.trim().split('\n').at(-1)}`;
  }
  const home = join(folder, 'home');
  mkdirSync(home);
  return {
    home,
    unmount() {
      execFileSync('umount', [folder]);
      rmdirSync(folder);
    },
  };
}
