import { STATUS_CODES } from 'node:http';
import type { Outcome } from '../../contracts/errors.ts';
import type { ReadSecret } from '../../contracts/secret.ts';
import { retryAfterMs } from '../../network/retry-after.ts';
import type { Egress } from '../egress.ts';
import { signingKey, webhookHeaders } from './sign.ts';

/** A delivery attempt that has started, as the database returns it. */
export type WebhookDelivery = {
  id: string;
  tenant_id: string;
  url: string;
  attempt: number;
  /** The body, with the same bytes in each attempt. */
  body: string;
  /** The names of the secrets that sign the request. Without secrets, the request is not signed. */
  secrets: string[] | null;
};

/** The result of an attempt. Only a status of 2xx is a success, and a redirect is not followed. */
export type DeliveryResult = {
  status: number | null;
  error: string | null;
  retryAfterMs: number | null;
};

const ANSWER_MS = 20_000;

/**
 * Creates the sender of webhooks. It sends each webhook in one guarded POST. It never throws: an
 * error is part of the result.
 */
export function createSender(ways: { egress: Egress; readSecret: ReadSecret }) {
  return async (delivery: WebhookDelivery): Promise<DeliveryResult> => {
    const keys = await signingKeys(delivery, ways.readSecret);
    if (!keys.ok) return { status: null, error: keys.error.message, retryAfterMs: null };
    const { id, url, body } = delivery;
    const answer = await ways.egress.open({
      url,
      method: 'POST',
      headers: webhookHeaders({ id, body, at: new Date() }, keys.value),
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (!answer.ok) return { status: null, error: answer.error.message, retryAfterMs: null };
    const { status, headers } = answer.value;
    answer.value.body.destroy(); // the body is not used
    return {
      status,
      error:
        status >= 200 && status < 300
          ? null
          : `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim(),
      retryAfterMs: retryAfterMs(headers) ?? null,
    };
  };
}

async function signingKeys(
  { tenant_id, secrets }: WebhookDelivery,
  readSecret: ReadSecret,
): Promise<Outcome<Buffer[]>> {
  const keys: Buffer[] = [];
  for (const name of secrets ?? []) {
    const secret = await readSecret(tenant_id, name);
    const key = secret.ok ? signingKey(name, secret.value) : secret;
    if (!key.ok) return key;
    keys.push(key.value);
  }
  return { ok: true, value: keys };
}
