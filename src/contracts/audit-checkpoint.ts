import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';

/** How far the audit log of a tenant was at some time: its last row, by its hash in hex. */
export type ChainEnd = Readonly<{ tenant_id: string; seq: number; hash: string }>;

/** A kept end, signed where there was a key: the HMAC in hex, and which key it was. In a file beside which database it is of. */
export type Checkpoint = ChainEnd &
  Readonly<{ hmac?: string | null; signed_by?: string | null; database?: string | undefined }>;

/** What checkpoints are signed with. */
export type CheckpointKey = Readonly<{ name: string; bytes: Buffer }>;

/** The file in the home folder of an installation that its workers append checkpoints to. */
export function checkpointFile(home: string): string {
  return join(home, 'audit-checkpoints.jsonl');
}

/** The key for checkpoints that follows from a secret key of an installation. */
export function checkpointKey(secretKey: Uint8Array): CheckpointKey {
  const bytes = Buffer.from(hkdfSync('sha256', secretKey, '', 'howdah audit checkpoints', 32));
  return { bytes, name: createHash('sha256').update(bytes).digest('hex').slice(0, 16) };
}

/** The checkpoint of an end; without a key it is not signed. */
export function sealed(end: ChainEnd, key: CheckpointKey | undefined): Checkpoint {
  return key ? { ...end, hmac: hmacOf(end, key).toString('hex'), signed_by: key.name } : end;
}

/** Whether the signature is the one its key gives; undefined where that cannot be said: unsigned, or by none of the keys. */
export function isGenuine(
  checkpoint: Checkpoint,
  keys: readonly CheckpointKey[],
): boolean | undefined {
  const key = keys.find(({ name }) => name === checkpoint.signed_by);
  if (!checkpoint.hmac || !key) {
    return undefined;
  }
  const given = Buffer.from(checkpoint.hmac, 'hex');
  const wanted = hmacOf(checkpoint, key);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

function hmacOf({ tenant_id, seq, hash }: ChainEnd, key: CheckpointKey): Buffer {
  return createHmac('sha256', key.bytes).update(`${tenant_id}:${seq}:${hash}`).digest();
}

/** The chain of what belongs to no tenant; the same in every database. */
export const NOBODY = '00000000-0000-0000-0000-000000000000';

/** Checkpoints of a file, by whose they are. */
export type SortedCheckpoints = {
  /** This database's. */
  ours: Checkpoint[];
  /** Of another one with tenants of this one: what it was copied or restored from, or a copy of it. */
  kin: Checkpoint[];
  /** Of one that shares nothing but the folder. */
  strangers: Checkpoint[];
};

/** Of lines without a database, as they were written before, all are this one's when one is about a tenant of it. */
export function sortCheckpoints(
  checkpoints: readonly Checkpoint[],
  database: string | undefined,
  tenants: ReadonlySet<string>,
): SortedCheckpoints {
  const sorted: SortedCheckpoints = { ours: [], kin: [], strangers: [] };
  for (const [name, group] of Map.groupBy(checkpoints, (one) => one.database)) {
    const named = group.filter(({ tenant_id }) => tenant_id !== NOBODY);
    const isRelated = named.some(({ tenant_id }) => tenants.has(tenant_id));
    if (name === undefined ? isRelated || named.length === 0 : name === database)
      sorted.ours.push(...group);
    else sorted[isRelated ? 'kin' : 'strangers'].push(...group);
  }
  return sorted;
}

/** One line of the file that checkpoints are appended to. */
export function checkpointLine(checkpoint: Checkpoint, at: Date): string {
  return `${JSON.stringify({ at: at.toISOString(), ...checkpoint })}\n`;
}

/** The checkpoints of such a file, and how many lines are none: a crash may have cut one off. */
export function readCheckpoints(text: string): { checkpoints: Checkpoint[]; unreadable: number } {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const checkpoints = lines.flatMap(checkpointOf);
  return { checkpoints, unreadable: lines.length - checkpoints.length };
}

function checkpointOf(line: string): Checkpoint[] {
  try {
    const { tenant_id, seq, hash, hmac, signed_by, database } = JSON.parse(line);
    const isOne =
      /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(tenant_id) &&
      Number.isSafeInteger(seq) &&
      /^[0-9a-f]{64}$/.test(hash);
    return isOne ? [{ tenant_id, seq, hash, hmac, signed_by, database }] : [];
  } catch {
    return [];
  }
}
