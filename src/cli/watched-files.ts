import { readFile, watch } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** An editor may write a file in several pieces, or put another in its place. */
const SETTLED_MS = 50;

/** One now, then one whenever the content of a file is another one, until the signal. Folders are watched: files are replaced. */
export async function* changesOf(
  paths: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<void> {
  const folders = new Map<string, Set<string>>();
  for (const path of paths) {
    folders.set(dirname(path), (folders.get(dirname(path)) ?? new Set()).add(basename(path)));
  }
  let wake = () => {};
  const ended = Promise.all(
    [...folders].map(([folder, names]) => listen(folder, names, signal, () => wake())),
  );
  ended.catch(() => {}); // told below, by who waits
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
      continue; // what was saved meanwhile is seen at once
    }
    await Promise.race([woken, ended]);
    await pause(SETTLED_MS, undefined, { signal }).catch(() => {});
  }
  await ended;
}

async function listen(
  folder: string,
  names: ReadonlySet<string>,
  signal: AbortSignal,
  heard: () => void,
) {
  try {
    for await (const { filename } of watch(folder, { signal })) {
      if (filename === null || names.has(filename)) heard();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function contentOf(paths: readonly string[]): Promise<string> {
  const texts = await Promise.all(paths.map((path) => readFile(path, 'utf8').catch(() => null)));
  return JSON.stringify(texts);
}
