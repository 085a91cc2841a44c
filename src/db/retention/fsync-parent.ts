import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Flushes the parent folder of a file or folder to the disk, so that the name survives a loss of
 * power as the bytes do.
 */
export async function fsyncParentOf(path: string): Promise<void> {
  if (process.platform === 'win32') return; // folders cannot be opened there
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}
