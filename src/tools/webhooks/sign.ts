import { createHmac } from 'node:crypto';
import type { Outcome } from '../../contracts/errors.ts';
import { MIN_SIGNING_BYTES, parseSigningKey, SIGNING_KEY_PREFIX } from '../../contracts/secret.ts';

/** Returns the key of a secret in the format of Standard Webhooks. */
export function signingKey(name: string, secret: string): Outcome<Buffer> {
  const key = parseSigningKey(secret);
  if (key) return { ok: true, value: key };
  const message = `the secret ${name} is not a valid signing key: it must be ${SIGNING_KEY_PREFIX} followed by at least ${MIN_SIGNING_BYTES} bytes in Base64`;
  return { ok: false, error: { code: 'invalid_request', message, retryable: true } };
}

/** Returns the signature of Standard Webhooks for a request, as bytes. */
export function webhookSignature(
  key: Buffer,
  { id, timestamp, body }: { id: string; timestamp: string; body: string | Buffer },
): Buffer {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}

/**
 * Builds the headers of a webhook, with one signature for each key, so that keys can be rotated.
 * There is at least one key.
 */
export function webhookHeaders(
  { id, body, at }: { id: string; body: string; at: Date },
  keys: readonly Buffer[],
): Headers {
  const timestamp = Math.floor(at.getTime() / 1_000).toString();
  const headers = new Headers({
    'content-type': 'application/json',
    'user-agent': 'howdah',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
  });
  const signatures = keys.map(
    (key) => `v1,${webhookSignature(key, { id, timestamp, body }).toString('base64')}`,
  );
  headers.set('webhook-signature', signatures.join(' '));
  return headers;
}
