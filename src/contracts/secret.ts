import type { Outcome } from './errors.ts';

/**
 * Bytes that only the owner of a key can read, in base64 for JSON. The ciphertext ends with its
 * tag.
 */
export type Sealed = { nonce: string; ciphertext: string };

/**
 * The key that seals a tenant's secrets. It is itself sealed with the master key of the fingerprint
 * `wrapped_by`.
 */
export type WrappedKey = Sealed & { id: string; tenant_id: string; wrapped_by: string };

/** A secret as stored in the database, with the data key that seals it. */
export type SealedSecret = Sealed & {
  id: string;
  tenant_id: string;
  name: string;
  /** The version, which rises with each new value. */
  version: number;
  key: WrappedKey;
};

/**
 * The id, the version and the key for the next value of a name. The key is null if the tenant has
 * none yet.
 */
export type NextSecretVersion = { id: string; version: number; key: WrappedKey | null };

/** Fingerprints of master keys: the current one, and all that still seal something. */
export type MasterKeyState = { current: string | null; needed: string[] };

/** The properties of a value that may be shown. */
export type SecretTraits = { fingerprint: string; last_four: string | null };

/**
 * Access to the stored secrets. Everything in them is sealed; no plain value passes through this
 * interface.
 */
export type SecretRows = {
  find(tenantId: string, name: string): Promise<SealedSecret | undefined>;
  nextVersion(tenantId: string, name: string): Promise<NextSecretVersion>;
  currentDataKey(tenantId: string): Promise<WrappedKey | null>;
  /**
   * Enqueues the ended runs of a tenant whose contents are not encrypted with its current data key.
   * Workers encrypt them. Returns the number of root runs.
   */
  enqueueContents(tenantId: string): Promise<number>;
  /** Returns data keys by their ids. */
  keys(ids: readonly string[]): Promise<WrappedKey[]>;
  /** Creates a new id for a key. */
  newId(): Promise<string>;
  masterKeys(): Promise<MasterKeyState>;
  /** Registers the first master key. Returns the fingerprint of the master key that counts. */
  adoptMasterKey(fingerprint: string): Promise<string>;
  /**
   * Switches to another master key. Throws `HWCNF` while a live worker lacks the key, unless
   * forced.
   */
  switchMasterKey(fingerprint: string, force: boolean): Promise<void>;
  /** Adds a data key. Returns false if another process was faster. */
  addDataKey(key: WrappedKey, replacing: boolean): Promise<boolean>;
  toRewrap(most: number): Promise<WrappedKey[]>;
  rewrap(key: WrappedKey, before: string): Promise<boolean>;
  toReseal(tenantId: string, most: number): Promise<SealedSecret[]>;
  reseal(tenantId: string, secrets: (SealedSecret & SecretTraits)[]): Promise<number>;
  dropUnusedDataKeys(tenantId: string): Promise<number>;
};

/**
 * Writes a sealed value with the rights of the caller. Returns undefined if the value must be
 * sealed again for another version or key.
 */
export type PutSecret = (
  secret: SealedSecret,
  traits: SecretTraits,
) => Promise<string | null | undefined>;

/**
 * Reads the value of a tenant's secret. A failure is an outcome that names the secret and never its
 * value.
 */
export type ReadSecret = (tenantId: string, name: string) => Promise<Outcome<string>>;

/** The first characters of a signing key. Base64 follows. */
export const SIGNING_KEY_PREFIX = 'whsec_';

/** Fewest bytes of a secret that signs or authenticates requests. A shorter one can be guessed. */
export const MIN_SIGNING_BYTES = 16;

/** Returns the key of a secret in the format of Standard Webhooks, or undefined if it is none. */
export function parseSigningKey(secret: string): Buffer | undefined {
  const text = secret.trim();
  const encoded = text.slice(SIGNING_KEY_PREFIX.length);
  const key = Buffer.from(encoded, 'base64');
  const isOne =
    text.startsWith(SIGNING_KEY_PREFIX) &&
    key.length >= MIN_SIGNING_BYTES &&
    key.toString('base64').replace(/(?<!=)=+$/, '') === encoded.replace(/(?<!=)=+$/, '');
  return isOne ? key : undefined;
}

/** A signing key in the moment in which it is shown, and the names of the secrets that now sign. */
export type IssuedSigningKey = {
  signing_key: string;
  secret_name: string;
  /** The name of the previous key, which also signs, or null. */
  previous_secret_name: string | null;
};

/** Access to the signing key of one webhook, or of callbacks, with the rights of the caller. */
export type SigningKeyRows = {
  /**
   * Returns the name to seal the next key for. Throws `HWCNF` if somebody has seen the current key
   * and it is not rotated, and `HWNTF` if there is no such webhook.
   */
  name(): Promise<string>;
  put: PutSecret;
  /** Returns the names of the secrets that sign, the current one first. */
  names(): Promise<string[]>;
};
