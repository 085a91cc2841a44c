import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A small file system in memory. */
export type SmallDisk = {
  /** A folder on the file system, for a server. */
  home: string;
  unmount(): void;
};

/** Mounts a small disk. Returns the reason if that is impossible, such as missing root rights. */
export function mountSmallDisk(megabytes: number): SmallDisk | string {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-disk-'));
  try {
    const options = `size=${megabytes}m,mode=0755`;
    execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'howdah-chaos', folder], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
  } catch (error) {
    rmdirSync(folder);
    return `cannot mount a file system: ${(error as Error).message.trim().split('\n').at(-1)}`;
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
