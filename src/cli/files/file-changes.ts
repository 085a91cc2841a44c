import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { folderChanges } from '../../tools/custom/folder-changes.ts';

/**
 * Yields once at the start, then whenever the content of a file changes, until the signal fires.
 * Watches folders, because files are replaced. A folder among the paths is watched with everything
 * in it.
 */
export async function* changesOf(
  paths: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<void> {
  const folders = new Map<string, Set<string>>();
  const packs: string[] = [];
  for (const path of paths) {
    if (await isFolder(path)) packs.push(path);
    else folders.set(dirname(path), (folders.get(dirname(path)) ?? new Set()).add(basename(path)));
  }
  const watched = [
    ...[...folders].map(([path, names]) => ({ path, names })),
    ...packs.map((path) => ({ path, recursive: true })),
  ];
  let last: string | undefined;
  for await (const _ of folderChanges(watched, signal)) {
    let now = await contentOf(paths);
    while (now !== last && !signal.aborted) {
      last = now;
      yield;
      now = await contentOf(paths); // a change saved meanwhile is seen at once
    }
  }
}

async function contentOf(paths: readonly string[]): Promise<string> {
  const texts = paths.map(async (path) => {
    const files = (await isFolder(path)) ? await filesBelow(path) : [path];
    return Promise.all(
      files.map(async (file) => [file, await readFile(file, 'utf8').catch(() => null)]),
    );
  });
  return JSON.stringify(await Promise.all(texts));
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
}

async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  return names.map((name) => join(folder, name)).toSorted();
}
