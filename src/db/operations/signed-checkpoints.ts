import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { parseJson } from '../../json/parse-json.ts';

/** The end of a tenant's audit log at some time: its last row, identified by its hash in hex. */
export type ChainEnd = Readonly<{ tenant_id: string; seq: number; hash: string }>;

/**
 * A stored end of an audit log. If there was a key, it has an HMAC in hex and the name of the key.
 * In a file it also names its database.
 */
export type Checkpoint = ChainEnd &
  Readonly<{ hmac?: string | null; signed_by?: string | null; database?: string | undefined }>;

/** The key with which checkpoints are signed. */
export type CheckpointKey = Readonly<{ name: string; bytes: Buffer }>;

/**
 * Returns the path of the file in the home folder of an installation to which workers append
 * checkpoints.
 */
export function checkpointFile(home: string): string {
  return join(home, 'audit-checkpoints.jsonl');
}

/** Derives the key for checkpoints from a secret key of an installation. */
export function checkpointKey(secretKey: Uint8Array): CheckpointKey {
  const bytes = Buffer.from(hkdfSync('sha256', secretKey, '', 'howdah audit checkpoints', 32));
  return { bytes, name: createHash('sha256').update(bytes).digest('hex').slice(0, 16) };
}

/** Creates the checkpoint of an end. Without a key, the checkpoint is not signed. */
export function createCheckpoint(end: ChainEnd, key: CheckpointKey | undefined): Checkpoint {
  return key ? { ...end, hmac: hmacOf(end, key).toString('hex'), signed_by: key.name } : end;
}

/**
 * Returns whether a signature matches its key. Returns undefined if this cannot be decided: the
 * checkpoint is unsigned, or its key is not among `keys`.
 */
export function isGenuine(
  checkpoint: Checkpoint,
  keys: readonly CheckpointKey[],
): boolean | undefined {
  const key = keys.find(({ name }) => name === checkpoint.signed_by);
  if (!checkpoint.hmac || !key) {
    return undefined;
  }
  const signature = Buffer.from(checkpoint.hmac, 'hex');
  const expected = hmacOf(checkpoint, key);
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}

function hmacOf({ tenant_id, seq, hash }: ChainEnd, key: CheckpointKey): Buffer {
  return createHmac('sha256', key.bytes).update(`${tenant_id}:${seq}:${hash}`).digest();
}

/** The tenant id of the chain for rows without a tenant; the same in every database. */
export const NOBODY = '00000000-0000-0000-0000-000000000000';

/** The checkpoints of a file, grouped by their origin. */
export type SortedCheckpoints = {
  /** Checkpoints of this database. */
  ours: Checkpoint[];
  /**
   * Checkpoints of another database with tenants of this one: the source from which it was copied
   * or restored, or a copy of it.
   */
  kin: Checkpoint[];
  /** Checkpoints of a database that shares nothing but the folder. */
  foreign: Checkpoint[];
};

/**
 * Groups checkpoints by their origin. Earlier releases wrote lines without a database. All of these
 * count as this database's if one of them is about a tenant of it.
 */
export function sortCheckpoints(
  checkpoints: readonly Checkpoint[],
  database: string | undefined,
  tenants: ReadonlySet<string>,
): SortedCheckpoints {
  const sorted: SortedCheckpoints = { ours: [], kin: [], foreign: [] };
  for (const [name, group] of Map.groupBy(checkpoints, (one) => one.database)) {
    const named = group.filter(({ tenant_id }) => tenant_id !== NOBODY);
    const isRelated = named.some(({ tenant_id }) => tenants.has(tenant_id));
    if (name === undefined ? isRelated || named.length === 0 : name === database)
      sorted.ours.push(...group);
    else sorted[isRelated ? 'kin' : 'foreign'].push(...group);
  }
  return sorted;
}

/** Returns one line of the file to which checkpoints are appended. */
export function checkpointLine(checkpoint: Checkpoint, at: Date): string {
  return `${JSON.stringify({ at: at.toISOString(), ...checkpoint })}\n`;
}

/**
 * Reads such a file. Returns its checkpoints and the number of unreadable lines, since a crash may
 * have cut one off.
 */
export function readCheckpoints(text: string): { checkpoints: Checkpoint[]; unreadable: number } {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const checkpoints = lines.flatMap(checkpointOf);
  return { checkpoints, unreadable: lines.length - checkpoints.length };
}

function checkpointOf(line: string): Checkpoint[] {
  try {
    const { tenant_id, seq, hash, hmac, signed_by, database } =
      parseJson<Required<Checkpoint>>(line);
    const isOne =
      /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(tenant_id) &&
      Number.isSafeInteger(seq) &&
      /^[0-9a-f]{64}$/.test(hash) &&
      [hmac, signed_by, database].every((value) => value == null || typeof value === 'string');
    return isOne ? [{ tenant_id, seq, hash, hmac, signed_by, database }] : [];
  } catch {
    return [];
  }
}
