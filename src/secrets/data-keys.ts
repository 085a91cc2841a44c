import { HowdahError } from '../contracts/errors.ts';
import type { SecretRows, WrappedKey } from '../contracts/secret.ts';
import { newKey, open, placeOfKey, seal } from './aead.ts';
import type { MasterKey, MasterKeys } from './master-keys.ts';

/**
 * The time for which a data key stays in memory. A data key never changes, so this limits only its
 * presence in memory.
 */
export const CACHE_MS = 60_000;
/**
 * Maximum number of attempts. Losing the race to another process this often means that something is
 * wrong.
 */
const ATTEMPTS = 10;

/** The data keys in the clear. */
export type DataKeys = {
  /**
   * Opens a data key. Throws `HWINV` if this process lacks the master key, or if the row was
   * changed.
   */
  open(wrapped: WrappedKey): Promise<Buffer>;
  /** Creates the first data key of a tenant, or its next data key. */
  add(tenantId: string, replacing: boolean): Promise<void>;
};

/**
 * Creates access to data keys, which are opened with the master keys of this process. Caches the
 * opened keys for one minute.
 */
export function createDataKeys(rows: SecretRows, masterKeys: MasterKeys): DataKeys {
  return {
    open: createKeyOpener(masterKeys),
    async add(tenantId, replacing) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const master = await masterInUse(rows, masterKeys);
        const key = wrap(await rows.newId(), tenantId, newKey(), master);
        if (await rows.addDataKey(key, replacing)) return;
        if (!replacing && (await rows.currentDataKey(tenantId))) return; // another process made it
      }
      throw new HowdahError('HWCNF', 'the keys are being rotated; try again in a moment');
    },
  };
}

/** Returns the function that opens data keys. Caches the opened keys for one minute. */
export function createKeyOpener(masterKeys: MasterKeys): DataKeys['open'] {
  const cached = new Map<string, Buffer>();
  return async (wrapped) => {
    const known = cached.get(wrapped.id);
    if (known) return known;
    const key = unwrap(wrapped, await masterKeys.readKeys());
    cached.set(wrapped.id, key);
    setTimeout(() => cached.delete(wrapped.id), CACHE_MS).unref();
    return key;
  };
}

/** Seals a data key with this master key. */
export function wrap(id: string, tenantId: string, key: Buffer, master: MasterKey): WrappedKey {
  const place = { id, tenant_id: tenantId, wrapped_by: master.fingerprint };
  return { ...place, ...seal(master.key, placeOfKey(place), key) };
}

/**
 * Opens a data key. Throws `HWINV` if the key of none of these master keys fits, or if the data key
 * was changed.
 */
export function unwrap(wrapped: WrappedKey, masters: readonly MasterKey[]): Buffer {
  const master = masters.find(({ fingerprint }) => fingerprint === wrapped.wrapped_by);
  if (!master) throw wrongKey();
  const key = open(master.key, placeOfKey(wrapped), wrapped);
  if (key) return key;
  throw new HowdahError(
    'HWINV',
    `data key ${wrapped.id} cannot be decrypted: its row was changed`,
    {
      hint: 'Restore the row from a backup, or store the secrets of its tenant again.',
      detail: { data_key_id: wrapped.id, tenant_id: wrapped.tenant_id },
    },
  );
}

/**
 * Returns the master key of this process for new data. The database selects the key, so that all
 * processes agree.
 */
async function masterInUse(rows: SecretRows, masterKeys: MasterKeys): Promise<MasterKey> {
  const { current } = await rows.masterKeys();
  const keys = current === null ? await masterKeys.readOrCreateKeys() : await masterKeys.readKeys();
  const first = keys[0];
  const inUse = current ?? (first && (await rows.adoptMasterKey(first.fingerprint)));
  const master = keys.find(({ fingerprint }) => fingerprint === inUse);
  if (master) return master;
  throw wrongKey();
}

/** Returns the error for secrets and contents that are encrypted with another key. */
export function wrongKey(): HowdahError {
  return new HowdahError(
    'HWINV',
    "HOWDAH_SECRET_KEY is not the key that this database's secrets and contents are encrypted with.",
    {
      hint: 'Set it to the key they were stored with (unset, it is in HOWDAH_HOME/secret.key of the process that stored them); during a rotation, set HOWDAH_SECRET_KEY_OLD to the old key.',
      detail: { variable: 'HOWDAH_SECRET_KEY' },
    },
  );
}

/**
 * Throws `HWINV` unless this process has every master key that something in the database is sealed
 * with.
 */
export async function refuseWrongKeys(rows: SecretRows, masterKeys: MasterKeys): Promise<void> {
  const { needed } = await rows.masterKeys();
  if (needed.length === 0) return;
  const known = new Set((await masterKeys.readKeys()).map(({ fingerprint }) => fingerprint));
  if (!needed.every((fingerprint) => known.has(fingerprint))) throw wrongKey();
}
