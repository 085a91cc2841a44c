import { MAX_COMMIT_BYTES, SizeLimitError } from '../../contracts/size-limits.ts';
import type { Commit } from '../../db/runs/commit-query.ts';
import { hasMembers } from '../../json/json.ts';

/** The number of bytes from which a commit is sent alone, and its size is counted exactly. */
export const LARGE_COMMIT_BYTES = 1_000_000;
/** The size of a value besides its texts: quotes, commas, numbers. */
const VALUE_BYTES = 8;
/** The largest size of a UTF-16 code unit of a text in UTF-8. */
const MAX_UNIT_BYTES = 3;

/**
 * Returns about how many bytes a commit sends to the database, or an upper bound if that is less
 * than LARGE_COMMIT_BYTES. Nearly all commits are that small, and a bound takes an eighth of the
 * time. Throws SizeLimitError for a commit that is too large, so that its run fails and no other
 * run waits for it.
 */
export function bytesOfCommit({ steps, to }: Commit): number {
  const left = subtractBound(to, subtractBound(steps, LARGE_COMMIT_BYTES));
  if (left > 0) return LARGE_COMMIT_BYTES - left;
  const size = { bytes: 0 };
  add(steps, size);
  add(to, size);
  return size.bytes;
}

/** Subtracts an upper bound of the size of a value. Stops when nothing is left. */
function subtractBound(value: unknown, bytes: number): number {
  let left = bytes - VALUE_BYTES;
  if (typeof value === 'string') return left - value.length * MAX_UNIT_BYTES;
  if (!hasMembers(value)) return left;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && left > 0; index += 1) {
      left = subtractBound(value[index], left - VALUE_BYTES);
    }
    return left;
  }
  for (const name of Object.keys(value)) {
    left = subtractBound(value[name], left - name.length);
    if (left <= 0) return left;
  }
  return left;
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
