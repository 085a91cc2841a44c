import { HowdahError, type Outcome, type RunError } from '../contracts/errors.ts';
import type { ReadSecret, SealedSecret, SecretRows } from '../contracts/secret.ts';
import { open, placeOfSecret } from './aead.ts';
import { createDataKeys, type DataKeys } from './data-keys.ts';
import type { MasterKeys } from './master-keys.ts';

/** The time for which a value is cached. A new value is in use within a second. */
export const CACHE_MS = 500;

/**
 * Creates a reader of secrets: `await readSecret(tenantId, 'openai')`. Concurrent reads of the same
 * secret cost one query. The outcome is not retryable if the value is missing, sealed with a key
 * that this process lacks, or changed in its row. The outcome is retryable if the database cannot
 * be reached.
 */
export function createSecretReader(rows: SecretRows, masterKeys: MasterKeys): ReadSecret {
  const dataKeys = createDataKeys(rows, masterKeys);
  const cached = new Map<string, Promise<Outcome<string>>>();
  return (tenantId, name) => {
    const place = JSON.stringify([tenantId, name]);
    const known = cached.get(place);
    if (known) return known;
    const reading = read(tenantId, name, rows, dataKeys);
    cached.set(place, reading);
    setTimeout(() => cached.delete(place), CACHE_MS).unref();
    reading.then(({ ok }) => ok || cached.delete(place));
    return reading;
  };
}

async function read(
  tenantId: string,
  name: string,
  rows: SecretRows,
  dataKeys: DataKeys,
): Promise<Outcome<string>> {
  try {
    const secret = await rows.find(tenantId, name);
    if (!secret)
      return failure('not_found', `There is no secret ${name}: howdah admin secret set ${name}`);
    return { ok: true, value: await openSecret(secret, dataKeys) };
  } catch (error) {
    if (error instanceof HowdahError) {
      return failure('unauthorized', `The secret ${name} cannot be read: ${error.message}`);
    }
    return failure('unreachable', `The secret ${name} cannot be read now.`, true);
  }
}

/** Returns the value of a sealed secret. Throws `HWINV` if the secret does not open. */
export async function openSecret(secret: SealedSecret, dataKeys: DataKeys): Promise<string> {
  const plain = open(await dataKeys.open(secret.key), placeOfSecret(secret), secret);
  if (plain) return plain.toString('utf8');
  throw new HowdahError(
    'HWINV',
    `secret '${secret.name}' cannot be decrypted: its row was changed`,
    {
      hint: `Store it again: howdah admin secret set ${secret.name}`,
      detail: { secret: secret.name },
    },
  );
}

function failure(code: RunError['code'], message: string, retryable = false): Outcome<never> {
  return { ok: false, error: { code, message, retryable } };
}
