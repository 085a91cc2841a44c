import type { Outcome } from './errors.ts';

/** Bytes that only the holder of a key can read, as JSON carries them: base64. The ciphertext ends with its tag. */
export type Sealed = { nonce: string; ciphertext: string };

/** The key that a tenant's secrets are sealed with, itself sealed with the master key of this fingerprint. */
export type WrappedKey = Sealed & { id: string; tenant_id: string; wrapped_by: string };

/** A secret as the database holds it, together with the data key it is sealed with. */
export type SealedSecret = Sealed & {
  id: string;
  tenant_id: string;
  name: string;
  /** Rises with each new value. */
  version: number;
  key: WrappedKey;
};

/** The next value of a name: under which id and version, and with which key; null where the tenant has none yet. */
export type SecretSlot = { id: string; version: number; key: WrappedKey | null };

/** Fingerprints of the master keys: the one in use, and all that something is still sealed with. */
export type MasterKeyState = { current: string | null; needed: string[] };

/** What may be shown of a value. */
export type SecretTraits = { fingerprint: string; last_four: string | null };

/** The rows behind secrets. Everything in them is sealed; no plain value goes this way. */
export type SecretRows = {
  find(tenantId: string, name: string): Promise<SealedSecret | undefined>;
  slot(tenantId: string, name: string): Promise<SecretSlot>;
  /** A new id, for a key. */
  newId(): Promise<string>;
  masterKeys(): Promise<MasterKeyState>;
  /** Makes the first master key known; gives the one that counts. */
  adoptMasterKey(fingerprint: string): Promise<string>;
  /** Throws `HWCNF` while a live worker lacks the key, unless forced. */
  switchMasterKey(fingerprint: string, force: boolean): Promise<void>;
  /** False when somebody else was faster. */
  addDataKey(key: WrappedKey, replacing: boolean): Promise<boolean>;
  toRewrap(most: number): Promise<WrappedKey[]>;
  rewrap(key: WrappedKey, before: string): Promise<boolean>;
  toReseal(tenantId: string, most: number): Promise<SealedSecret[]>;
  reseal(tenantId: string, secrets: (SealedSecret & SecretTraits)[]): Promise<number>;
  dropUnusedDataKeys(tenantId: string): Promise<number>;
};

/** Writes a sealed value as whoever may; undefined when it must be sealed again for another version or key. */
export type PutSecret = (
  secret: SealedSecret,
  traits: SecretTraits,
) => Promise<string | null | undefined>;

/** The value of a tenant's secret. What stands in its way is an outcome that names the secret and never its value. */
export type ReadSecret = (tenantId: string, name: string) => Promise<Outcome<string>>;
