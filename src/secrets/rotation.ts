import type { SealedSecret, SecretRows, WrappedKey } from '../contracts/secret.ts';
import { placeOfSecret, seal, traitsOf } from './aead.ts';
import { createDataKeys, type DataKeys, unwrap, wrap, wrongKey } from './data-keys.ts';
import { type MasterKeys, noKey } from './master-keys.ts';
import { openSecret } from './reader.ts';

const BATCH = 100;

/**
 * Puts the first master key of this process in use, and wraps every data key with it, each in a
 * transaction of its own. Processes that have both keys can read at every moment. An interrupted
 * rotation continues when it is called again. Returns the number of data keys that were wrapped
 * anew. Throws `HWINV` if this process lacks a master key of a data key. Throws `HWCNF` while a
 * live worker lacks the new key, unless `force` is set.
 */
export async function rotateMasterKey(
  rows: SecretRows,
  masterKeys: MasterKeys,
  force: boolean,
): Promise<number> {
  const masters = await masterKeys.readKeys();
  const [first] = masters;
  const { current, needed } = await rows.masterKeys();
  if (current === null) return 0;
  if (!first) throw noKey();
  if (!needed.every((one) => masters.some(({ fingerprint }) => fingerprint === one))) {
    throw wrongKey();
  }
  if (current !== first.fingerprint) await rows.switchMasterKey(first.fingerprint, force);
  let count = 0;
  for (;;) {
    const batch = await rows.toRewrap(BATCH);
    if (batch.length === 0) return count;
    for (const old of batch) {
      const key = wrap(old.id, old.tenant_id, unwrap(old, masters), first);
      if (await rows.rewrap(key, old.wrapped_by)) count += 1;
    }
  }
}

/** The secrets that were sealed anew, and the root runs that workers encrypt anew. */
export type RotatedDataKey = { resealed: number; runs: number };

/**
 * Gives the tenant a new data key, seals its secrets with the new key in batches, and removes the
 * old key. Values do not change and can be read at every moment. Workers encrypt contents of runs
 * anew; if there are any, the last of them removes the old key.
 */
export async function rotateDataKey(
  rows: SecretRows,
  masterKeys: MasterKeys,
  tenantId: string,
): Promise<RotatedDataKey> {
  const dataKeys = createDataKeys(rows, masterKeys);
  await dataKeys.add(tenantId, true);
  let count = 0;
  for (;;) {
    const batch = await rows.toReseal(tenantId, BATCH);
    if (batch.length === 0) break;
    const key = await rows.currentDataKey(tenantId);
    if (!key) throw new Error(`tenant ${tenantId} has lost its data key`);
    const resealed = await Promise.all(batch.map((secret) => reseal(secret, key, dataKeys)));
    count += await rows.reseal(tenantId, resealed);
  }
  const runs = await rows.enqueueContents(tenantId);
  await rows.dropUnusedDataKeys(tenantId);
  return { resealed: count, runs };
}

async function reseal(secret: SealedSecret, key: WrappedKey, dataKeys: DataKeys) {
  const value = await openSecret(secret, dataKeys);
  const open = await dataKeys.open(key);
  const sealed = seal(open, placeOfSecret(secret), Buffer.from(value, 'utf8'));
  return { ...secret, ...sealed, key, ...traitsOf(open, value) };
}
