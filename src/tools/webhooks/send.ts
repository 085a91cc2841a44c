import { STATUS_CODES } from 'node:http';
import type { Outcome } from '../../contracts/errors.ts';
import type { ReadSecret } from '../../contracts/secret.ts';
import { retryAfterMs } from '../../network/retry-after.ts';
import type { Egress } from '../egress.ts';
import { signingKey, webhookHeaders } from './sign.ts';

/** An attempt that has begun, as the database gives it. */
export type Delivery = {
  id: string;
  tenant_id: string;
  url: string;
  attempt: number;
  /** The same bytes in every attempt. */
  body: string;
  /** Names of the secrets it is signed with; without any it is not signed. */
  secrets: string[] | null;
};

/** What came of it. Only a status of 2xx is received; a redirect is not followed. */
export type DeliveryResult = {
  status: number | null;
  error: string | null;
  retryAfterMs: number | null;
};

const ANSWER_MS = 20_000;

/** Sends webhooks, each by one POST under guard. Never throws: what went wrong is its result. */
export function createSender(ways: { egress: Egress; readSecret: ReadSecret }) {
  return async (delivery: Delivery): Promise<DeliveryResult> => {
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
    answer.value.body.destroy(); // nobody reads it
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
  { tenant_id, secrets }: Delivery,
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
