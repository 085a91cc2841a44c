import { MAX_COMMIT_BYTES, SizeLimitError } from '../../contracts/size-limits.ts';
import type { Commit } from '../../db/runs/commit-query.ts';
import { hasMembers } from '../../json/json.ts';

/** The size of a value besides its texts: quotes, commas, numbers. */
const VALUE_BYTES = 8;

/**
 * Returns about how many bytes a commit sends to the database. Throws SizeLimitError for a commit
 * that is too large, so that its run fails and no other run waits for it.
 */
export function bytesOfCommit({ steps, to }: Commit): number {
  const size = { bytes: 0 };
  add(steps, size);
  add(to, size);
  return size.bytes;
}

function add(value: unknown, size: { bytes: number }): void {
  size.bytes += typeof value === 'string' ? Buffer.byteLength(value) : VALUE_BYTES;
  if (size.bytes > MAX_COMMIT_BYTES) throw new SizeLimitError('the commit', MAX_COMMIT_BYTES);
  if (!hasMembers(value)) return;
  for (const name in value) {
    size.bytes += name.length;
    add((value as Record<string, unknown>)[name], size);
  }
}
