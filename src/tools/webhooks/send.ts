import { STATUS_CODES } from 'node:http';
import type { Outcome } from '../../contracts/errors.ts';
import type { ReadSecret } from '../../contracts/secret.ts';
import type { JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { retryAfterMs } from '../../network/retry-after.ts';
import type { Egress } from '../egress.ts';
import { signingKey, webhookHeaders } from './sign.ts';

/** A delivery attempt that has started, as the database returns it. */
export type WebhookDelivery = {
  id: string;
  tenant_id: string;
  /** The run that the delivery belongs to, whose contents may be encrypted in the body. */
  execution_id: string | null;
  url: string;
  attempt: number;
  /** The body, with the same bytes in each attempt. */
  body: string;
  /** The webhook; null for a callback. */
  webhook_id: string | null;
  /** The names of the secrets that sign the request; none if no key was generated yet. */
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
const UNREADABLE = 'the payload is encrypted, and this worker cannot decrypt it';

type Ways = {
  egress: Egress;
  readSecret: ReadSecret;
  /**
   * Returns the body in plain text. Returns undefined if the body is encrypted with a key that this
   * process lacks.
   */
  readBody(delivery: WebhookDelivery): Promise<string | undefined>;
  /** Generates the key of a webhook or callbacks without one. Returns the names that sign. */
  generateKey(delivery: WebhookDelivery): Promise<string[]>;
};

/**
 * Creates the sender of webhooks. It sends each webhook in one guarded and signed POST. It never
 * throws: an error is part of the result.
 */
export function createSender(ways: Ways) {
  return async (stored: WebhookDelivery): Promise<DeliveryResult> => {
    const body = await ways.readBody(stored);
    if (body === undefined) return { status: null, error: UNREADABLE, retryAfterMs: null };
    const delivery = { ...stored, body };
    const headers = await headersOf(delivery, ways);
    if (!headers.ok) return { status: null, error: headers.error.message, retryAfterMs: null };
    const { url } = delivery;
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
const MAX_ANSWER_BYTES = 64 * 1024;

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
      if (length > MAX_ANSWER_BYTES) return null;
      chunks.push(chunk);
    }
    const { ok, error } =
      parseJson<JsonObject | null>(Buffer.concat(chunks).toString('utf8')) ?? {};
    return ok === false ? `the receiver refused the reply: ${String(error).slice(0, 200)}` : null;
  } catch {
    return null;
  }
}

/** Returns the headers of a request: signed ones of Standard Webhooks, or those of a reply. */
async function headersOf(delivery: WebhookDelivery, ways: Ways): Promise<Outcome<Headers>> {
  if (delivery.is_reply) return replyHeaders(delivery, ways.readSecret);
  const keys = await signingKeys(delivery, ways);
  if (!keys.ok) return keys;
  return { ok: true, value: webhookHeaders({ ...delivery, at: new Date() }, keys.value) };
}

/** Returns the headers of a reply, which sends a secret of the receiver in place of a signature. */
async function replyHeaders(
  { id, tenant_id, bearer_secret }: WebhookDelivery,
  readSecret: ReadSecret,
): Promise<Outcome<Headers>> {
  const headers = new Headers({
    'content-type': 'application/json; charset=utf-8',
    'user-agent': 'howdah',
    'webhook-id': id,
  });
  if (bearer_secret) {
    const secret = await readSecret(tenant_id, bearer_secret);
    if (!secret.ok) return secret;
    headers.set('authorization', `Bearer ${secret.value.trim()}`);
  }
  return { ok: true, value: headers };
}

/** Returns the keys that sign a delivery: at least one, or an error. */
async function signingKeys(
  delivery: WebhookDelivery,
  { readSecret, generateKey }: Ways,
): Promise<Outcome<Buffer[]>> {
  let names = delivery.secrets ?? [];
  if (names.length === 0) {
    try {
      names = await generateKey(delivery);
    } catch (error) {
      return noSigningKey(error instanceof Error ? error.message : String(error));
    }
  }
  const keys: Buffer[] = [];
  for (const name of names) {
    const secret = await readSecret(delivery.tenant_id, name);
    const key = secret.ok ? signingKey(name, secret.value) : secret;
    if (!key.ok) return key;
    keys.push(key.value);
  }
  return keys.length > 0 ? { ok: true, value: keys } : noSigningKey('there is none');
}

function noSigningKey(cause: string): Outcome<never> {
  const message = `the delivery cannot be signed: ${cause}`;
  return { ok: false, error: { code: 'unauthorized', message, retryable: true } };
}
