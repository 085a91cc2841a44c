import { HowdahError } from '../contracts/errors.ts';
import type { SecretRows, WrappedKey } from '../contracts/secret.ts';
import { newKey, open, placeOfKey, seal } from './envelope.ts';
import type { MasterKey, MasterKeys } from './master-keys.ts';

/** A data key stays in memory for so long: a data key never changes, so this is only about where it is. */
const KEPT_MS = 60_000;
/** Somebody else is faster this often only when something is wrong. */
const ATTEMPTS = 10;

/** The data keys, in the clear. */
export type DataKeys = {
  /** Throws `HWINV` when this process has not the master key, or the row was changed. */
  open(wrapped: WrappedKey): Promise<Buffer>;
  /** Makes a tenant's first data key, or its next one. */
  add(tenantId: string, replacing: boolean): Promise<void>;
};

/** Opens data keys with the master keys of this process, and keeps them for a minute. */
export function createDataKeys(rows: SecretRows, masterKeys: MasterKeys): DataKeys {
  const kept = new Map<string, Buffer>();
  return {
    async open(wrapped) {
      const known = kept.get(wrapped.id);
      if (known) return known;
      const key = unwrap(wrapped, await masterKeys.known());
      kept.set(wrapped.id, key);
      setTimeout(() => kept.delete(wrapped.id), KEPT_MS).unref();
      return key;
    },
    async add(tenantId, replacing) {
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const master = await masterInUse(rows, masterKeys);
        const key = wrap(await rows.newId(), tenantId, newKey(), master);
        if (await rows.addDataKey(key, replacing)) return;
        if (!replacing && (await rows.slot(tenantId, '')).key) return; // somebody else has made it
      }
      throw new HowdahError('HWCNF', 'the keys are being rotated; try again in a moment');
    },
  };
}

/** The data key sealed with this master key. */
export function wrap(id: string, tenantId: string, key: Buffer, master: MasterKey): WrappedKey {
  const place = { id, tenant_id: tenantId, wrapped_by: master.fingerprint };
  return { ...place, ...seal(master.key, placeOfKey(place), key) };
}

/** The data key in the clear. Throws `HWINV` when none of these master keys is its own, or when it was changed. */
export function unwrap(wrapped: WrappedKey, masters: readonly MasterKey[]): Buffer {
  const master = masters.find(({ fingerprint }) => fingerprint === wrapped.wrapped_by);
  if (!master) throw wrongKey();
  const key = open(master.key, placeOfKey(wrapped), wrapped);
  if (key) return key;
  throw new HowdahError('HWINV', `data key ${wrapped.id} does not open: its row was changed`, {
    hint: 'Restore the row from a backup, or store the secrets of its tenant again.',
    detail: { data_key_id: wrapped.id, tenant_id: wrapped.tenant_id },
  });
}

/** Which of the keys of this process is for what is new: the database says, so that processes agree. */
async function masterInUse(rows: SecretRows, masterKeys: MasterKeys): Promise<MasterKey> {
  const { current } = await rows.masterKeys();
  const keys = current === null ? await masterKeys.made() : await masterKeys.known();
  const first = keys[0];
  const inUse = current ?? (first && (await rows.adoptMasterKey(first.fingerprint)));
  const master = keys.find(({ fingerprint }) => fingerprint === inUse);
  if (master) return master;
  throw wrongKey();
}

/** What says that the database's secrets are under another key. */
export function wrongKey(): HowdahError {
  return new HowdahError(
    'HWINV',
    "HOWDAH_SECRET_KEY is not the key that this database's secrets are encrypted with.",
    {
      hint: 'Set it to the key they were stored with (unset, it is in HOWDAH_HOME/secret.key of the process that stored them); during a rotation the old one belongs into HOWDAH_SECRET_KEY_OLD.',
      detail: { variable: 'HOWDAH_SECRET_KEY' },
    },
  );
}

/** Throws `HWINV` unless this process has every master key that something in the database is sealed with. */
export async function refuseWrongKeys(rows: SecretRows, masterKeys: MasterKeys): Promise<void> {
  const { needed } = await rows.masterKeys();
  if (needed.length === 0) return;
  const known = new Set((await masterKeys.known()).map(({ fingerprint }) => fingerprint));
  if (!needed.every((fingerprint) => known.has(fingerprint))) throw wrongKey();
}
