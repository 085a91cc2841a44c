import { readdir, readFile, stat, watch } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/**
 * The wait after a change, in milliseconds. An editor may write a file in several pieces, or
 * replace it.
 */
const SETTLED_MS = 50;

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
  let wake = () => {};
  const ended = Promise.all([
    ...[...folders].map(([folder, names]) => listen(folder, names, signal, () => wake())),
    ...packs.map((folder) => listen(folder, undefined, signal, () => wake())),
  ]);
  ended.catch(() => {}); // reported below, where it is awaited
  signal.addEventListener('abort', () => wake());
  let last: string | undefined;
  while (!signal.aborted) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const now = await contentOf(paths);
    if (now !== last) {
      last = now;
      yield;
      continue; // a change saved meanwhile is seen at once
    }
    await Promise.race([woken, ended]);
    await pause(SETTLED_MS, undefined, { signal }).catch(() => {});
  }
  await ended;
}

async function listen(
  folder: string,
  names: ReadonlySet<string> | undefined,
  signal: AbortSignal,
  heard: () => void,
) {
  try {
    for await (const { filename } of watch(folder, { signal, recursive: names === undefined })) {
      if (filename === null || (names?.has(filename) ?? true)) heard();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
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
