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
  /** True for the answer of a run to an inbound delivery, which is JSON of the receiver's API. */
  is_reply?: boolean;
  /** The name of the secret that a reply sends as `Authorization: Bearer`. */
  bearer_secret?: string | null;
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
    const headers = await headersOf(delivery, ways.readSecret);
    if (!headers.ok) return { status: null, error: headers.error.message, retryAfterMs: null };
    const { url, body } = delivery;
    const answer = await ways.egress.open({
      url,
      method: 'POST',
      headers: headers.value,
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    if (!answer.ok) return { status: null, error: answer.error.message, retryAfterMs: null };
    const { status } = answer.value;
    const isReceived = status >= 200 && status < 300;
    const refusal = delivery.is_reply && isReceived ? await refusalIn(answer.value.body) : null;
    answer.value.body.destroy(); // the rest is not used
    return {
      status,
      error: isReceived ? refusal : `HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim(),
      retryAfterMs: retryAfterMs(answer.value.headers) ?? null,
    };
  };
}

/** Most bytes of the answer to a reply that are read. */
const MOST_ANSWER_BYTES = 64 * 1024;

/**
 * Returns the error in the answer of an API that answers every request with 200, as Slack does:
 * `{"ok": false, "error": "channel_not_found"}`. An answer that is no such JSON is no error.
 */
async function refusalIn(body: AsyncIterable<Uint8Array>): Promise<string | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of body) {
      length += chunk.length;
      if (length > MOST_ANSWER_BYTES) return null;
      chunks.push(chunk);
    }
    const { ok, error } = JSON.parse(Buffer.concat(chunks).toString('utf8')) ?? {};
    return ok === false ? `the receiver refused the reply: ${String(error).slice(0, 200)}` : null;
  } catch {
    return null;
  }
}

/** Returns the headers of a request: those of Standard Webhooks, or the secret of a reply. */
async function headersOf(
  delivery: WebhookDelivery,
  readSecret: ReadSecret,
): Promise<Outcome<Headers>> {
  const keys = await signingKeys(delivery, readSecret);
  if (!keys.ok) return keys;
  const headers = webhookHeaders({ ...delivery, at: new Date() }, keys.value);
  if (delivery.is_reply) headers.set('content-type', 'application/json; charset=utf-8');
  if (delivery.bearer_secret) {
    const secret = await readSecret(delivery.tenant_id, delivery.bearer_secret);
    if (!secret.ok) return secret;
    headers.set('authorization', `Bearer ${secret.value.trim()}`);
  }
  return { ok: true, value: headers };
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
