import { HowdahError, type Outcome, type RunError } from '../contracts/errors.ts';
import type { ReadSecret, SealedSecret, SecretRows } from '../contracts/secret.ts';
import { createDataKeys, type DataKeys } from './data-keys.ts';
import { open, placeOfSecret } from './envelope.ts';
import type { MasterKeys } from './master-keys.ts';

/** A value is asked for again after this: a new one is in use within a second. */
export const KEPT_MS = 500;

/**
 * Reads secrets: `await readSecret(tenantId, 'openai')`. Many who ask for the same at once cost one query. A value
 * that is missing, sealed with a key this process lacks, or changed in its row is an outcome not worth another
 * attempt; a database that cannot be asked is one that is.
 */
export function createSecretReader(rows: SecretRows, masterKeys: MasterKeys): ReadSecret {
  const dataKeys = createDataKeys(rows, masterKeys);
  const kept = new Map<string, Promise<Outcome<string>>>();
  return (tenantId, name) => {
    const place = JSON.stringify([tenantId, name]);
    const known = kept.get(place);
    if (known) return known;
    const asked = read(tenantId, name, rows, dataKeys);
    kept.set(place, asked);
    setTimeout(() => kept.delete(place), KEPT_MS).unref();
    asked.then(({ ok }) => ok || kept.delete(place));
    return asked;
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
      return failed('not_found', `There is no secret ${name}: howdah secret set ${name}`);
    return { ok: true, value: await openSecret(secret, dataKeys) };
  } catch (error) {
    if (error instanceof HowdahError) {
      return failed('unauthorized', `The secret ${name} cannot be read: ${error.message}`);
    }
    return failed('unreachable', `The secret ${name} cannot be read now.`, true);
  }
}

/** The value of a sealed secret. Throws `HWINV` when it does not open. */
export async function openSecret(secret: SealedSecret, dataKeys: DataKeys): Promise<string> {
  const plain = open(await dataKeys.open(secret.key), placeOfSecret(secret), secret);
  if (plain) return plain.toString('utf8');
  throw new HowdahError('HWINV', `secret '${secret.name}' does not open: its row was changed`, {
    hint: `Store it again: howdah secret set ${secret.name}`,
    detail: { secret: secret.name },
  });
}

function failed(code: RunError['code'], message: string, retryable = false): Outcome<never> {
  return { ok: false, error: { code, message, retryable } };
}
