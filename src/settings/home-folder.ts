import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const NAME = '.howdah';
/** A file that makes a folder a project, such as package.json, howdah.yaml or howdah.config.ts. */
const PROJECT_FILE = /^(package\.json|howdah\.[\w.-]+)$/;

/** The folder of the embedded database, of keys and of files. */
export type HomeFolder = {
  /** An absolute path. */
  home: string;
  /** True if the user has the folder, because the process was started outside of any project. */
  isOfUser: boolean;
};

/**
 * Finds the home of a process that was started in `folder`: `.howdah` in the folder of the nearest
 * project, from `folder` up, else in the user's home. `.howdah` in `folder` itself always counts,
 * since earlier releases made it in any folder.
 */
export function findHome(folder: string, userHome: string): HomeFolder {
  const start = resolve(folder);
  if (isFolder(join(start, NAME))) return { home: join(start, NAME), isOfUser: false };
  for (let at = start; at !== resolve(userHome); at = dirname(at)) {
    if (hasProjectFile(at)) return { home: join(at, NAME), isOfUser: false };
    if (at === dirname(at)) break;
  }
  return { home: resolve(userHome, NAME), isOfUser: true };
}

function hasProjectFile(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => PROJECT_FILE.test(name));
  } catch {
    return false; // a folder above may be closed to this user
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** Writes a `.gitignore` for all of the folder, its data and its keys, unless there is one. */
export function ignoreInGit(home: string): void {
  const file = join(home, '.gitignore');
  if (!existsSync(file)) writeFileSync(file, '*\n');
}
