import { randomBytes } from 'node:crypto';
import {
  type IssuedSigningKey,
  SIGNING_KEY_PREFIX,
  type SigningKeyRows,
} from '../contracts/secret.ts';
import type { SecretWriter } from './writer.ts';

/** Creates a signing key of 256 bits in the format of Standard Webhooks. */
export function newSigningKey(): string {
  return `${SIGNING_KEY_PREFIX}${randomBytes(32).toString('base64')}`;
}

/**
 * Generates and stores a signing key, and returns it for the only time. The key replaces a key that
 * nobody has seen. Throws the errors of `SigningKeyRows.name`.
 */
export async function issueSigningKey(
  writer: SecretWriter,
  tenantId: string,
  rows: SigningKeyRows,
): Promise<IssuedSigningKey> {
  const signing_key = newSigningKey();
  await writer.set(tenantId, await rows.name(), signing_key, rows.put);
  const [secret_name = '', previous_secret_name = null] = await rows.names();
  return { signing_key, secret_name, previous_secret_name };
}

/**
 * Generates and stores a signing key where there is none. Nobody sees the key before somebody asks
 * for one.
 */
export async function keepSigningKey(
  writer: SecretWriter,
  tenantId: string,
  rows: Pick<SigningKeyRows, 'name' | 'put'>,
): Promise<void> {
  await writer.set(tenantId, await rows.name(), newSigningKey(), rows.put);
}
