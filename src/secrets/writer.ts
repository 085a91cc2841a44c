import { HowdahError } from '../contracts/errors.ts';
import {
  MIN_SIGNING_BYTES,
  type PutSecret,
  type SecretRows,
  SIGNING_KEY_PREFIX,
} from '../contracts/secret.ts';
import { trimEnd } from '../text/trim-end.ts';
import { placeOfSecret, seal, traitsOf } from './aead.ts';
import { createDataKeys, type DataKeys } from './data-keys.ts';
import type { MasterKeys } from './master-keys.ts';

/** The maximum size of a value, in bytes. */
export const MAX_SECRET_BYTES = 64 * 1024;
/** Fewest characters after the prefix of a signing key. Those of Stripe are no Base64. */
const SHORTEST_KEY = Math.ceil((MIN_SIGNING_BYTES * 4) / 3);
/**
 * Maximum number of attempts. Losing the race to another process this often means that something is
 * wrong.
 */
const ATTEMPTS = 10;

/**
 * A writer that seals values in this process. `put` writes the sealed value, as any role that may
 * write it.
 */
export type SecretWriter = {
  /**
   * Returns the id of the secret. Throws `HWINV` for an invalid value or name, and the errors of
   * `put`.
   */
  set(tenantId: string, name: string, value: string, put: PutSecret): Promise<string>;
};

/**
 * Creates a writer with the master keys of this process. The first secret of a tenant creates the
 * data key of the tenant.
 */
export function createSecretWriter(rows: SecretRows, masterKeys: MasterKeys): SecretWriter {
  const dataKeys = createDataKeys(rows, masterKeys);
  return {
    async set(tenantId, name, value, put) {
      refuseUnfit(name, value);
      for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
        const { id, version, key } = await nextVersionWithKey(tenantId, name, rows, dataKeys);
        const open = await dataKeys.open(key);
        const place = { id, tenant_id: tenantId, name, version };
        const sealed = seal(open, placeOfSecret(place), Buffer.from(value, 'utf8'));
        const put_id = await put({ ...place, ...sealed, key }, traitsOf(open, value));
        if (put_id) return put_id;
      }
      throw new HowdahError('HWCNF', `another session is writing secret '${name}'; try again`);
    },
  };
}

async function nextVersionWithKey(
  tenantId: string,
  name: string,
  rows: SecretRows,
  dataKeys: DataKeys,
) {
  const first = await rows.nextVersion(tenantId, name);
  if (first.key) return { ...first, key: first.key };
  await dataKeys.add(tenantId, false);
  const { key, ...next } = await rows.nextVersion(tenantId, name);
  if (!key) throw new HowdahError('HWNTF', `there is no tenant ${tenantId}`);
  return { ...next, key };
}

function refuseUnfit(name: string, value: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(name)) {
    throw unfit(
      'name',
      'this is not a valid name for a secret',
      'Use letters, digits, _ . and -, such as openai.',
    );
  }
  if (value.trim() === '') {
    throw unfit('value', `the value of '${name}' is empty`, 'Pass the value on standard input.');
  }
  const key = value.trim();
  const isKey = key.startsWith(SIGNING_KEY_PREFIX);
  if (isKey && trimEnd(key.slice(SIGNING_KEY_PREFIX.length), '=').length < SHORTEST_KEY) {
    throw unfit(
      'value',
      `the value of '${name}' is a signing key that is too short`,
      `Use ${SIGNING_KEY_PREFIX} followed by at least ${MIN_SIGNING_BYTES} bytes in Base64, such as the output of: openssl rand -base64 32`,
    );
  }
  if (Buffer.byteLength(value) > MAX_SECRET_BYTES || value.includes('\0')) {
    throw unfit(
      'value',
      `the value of '${name}' is too long or not valid text`,
      'Use at most 64 KB of text.',
    );
  }
}

function unfit(field: string, message: string, hint: string): HowdahError {
  return new HowdahError('HWINV', message, { hint, detail: { field } });
}
