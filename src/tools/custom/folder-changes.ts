import { watch } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

/** The pause after a change. An editor may write a file in several pieces, or replace the file. */
const SETTLED_MS = 50;

/** A watched folder: only these names in it, or everything below it. */
export type WatchedFolder = { path: string; names?: ReadonlySet<string>; recursive?: boolean };

/**
 * Yields once at the start, then after each change in the folders, until the signal fires. A change
 * that comes while the caller works is yielded afterwards.
 */
export async function* folderChanges(
  folders: readonly WatchedFolder[],
  signal: AbortSignal,
): AsyncGenerator<void> {
  let wake = (): void => {};
  const ended = Promise.all(folders.map((folder) => listen(folder, signal, () => wake())));
  ended.catch(() => {}); // reported below, where it is awaited
  while (!signal.aborted) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    yield;
    await Promise.race([woken, ended]);
    await pause(SETTLED_MS, undefined, { signal }).catch(() => {});
  }
  await ended;
}

async function listen(
  { path, names, recursive = false }: WatchedFolder,
  signal: AbortSignal,
  onChange: () => void,
): Promise<void> {
  try {
    for await (const { filename } of watch(path, { signal, recursive })) {
      if (filename === null || (names?.has(filename) ?? true)) onChange();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
