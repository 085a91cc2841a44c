import { createHash, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';

/** How far the audit log of a tenant was at some time: its last row, by its hash in hex. */
export type ChainEnd = Readonly<{ tenant_id: string; seq: number; hash: string }>;

/** A kept end, signed where there was a key: the HMAC in hex, and which key it was. */
export type Checkpoint = ChainEnd & Readonly<{ hmac?: string | null; signed_by?: string | null }>;

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

/** Whether a file is that of another database, which its folder served before: no tenant it names is one of these. */
export function isOfAnother(
  checkpoints: readonly Checkpoint[],
  tenants: ReadonlySet<string>,
): boolean {
  const named = checkpoints.filter(({ tenant_id }) => tenant_id !== NOBODY);
  return named.length > 0 && !named.some(({ tenant_id }) => tenants.has(tenant_id));
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
    const { tenant_id, seq, hash, hmac, signed_by } = JSON.parse(line);
    const isOne =
      /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(tenant_id) &&
      Number.isSafeInteger(seq) &&
      /^[0-9a-f]{64}$/.test(hash);
    return isOne ? [{ tenant_id, seq, hash, hmac, signed_by }] : [];
  } catch {
    return [];
  }
}
