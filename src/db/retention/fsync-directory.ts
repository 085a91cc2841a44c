import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes a name of a file or folder to the disk, so that it outlives a loss of power as its bytes do. */
export async function fsyncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return; // where folders cannot be opened
  const folder = await open(dirname(path), 'r');
  await folder.sync().finally(() => folder.close());
}
