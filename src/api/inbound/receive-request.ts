import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { withOffload } from '../../concurrency/offload.ts';
import type { ReadSecret } from '../../contracts/secret.ts';
import type { InboundHook } from '../../db/operations/inbound-hooks.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { mapDelivery } from '../../runtime/inbound/map-delivery.ts';
import { secretHeaders, type VerifiedRequest, verifyRequest } from '../../tools/webhooks/verify.ts';
import { parseJsonBody, readJsonBytes } from '../http/json-body.ts';
import { findUnstorable } from '../http/jsonb-safety.ts';
import type { BodyPlace } from './body-memory.ts';

/** Most bytes of a request to a hook. */
export const MOST_BYTES = 1024 * 1024;
/** Most characters of an id of a delivery. A longer id is stored as its digest. */
const MOST_ID = 200;

/** The reason why a request is refused. `status` 401 has one answer for all reasons. */
export type RequestFault = { status: number; code: string; message: string; hint: string };

/** A verified request: a delivery for the database, or the answer to a challenge. */
export type ReceivedRequest =
  | { ok: true; delivery: JsonObject }
  | { ok: true; challenge: string }
  | { ok: false; fault: RequestFault | 'gone' };

/** Reads and verifies a request to a hook, and maps its body. `place` is the memory of the body. */
export async function receiveRequest(
  request: IncomingMessage,
  hook: InboundHook,
  readSecret: ReadSecret,
  place: BodyPlace,
): Promise<ReceivedRequest> {
  const bytes = await readJsonBytes(request, MOST_BYTES, place.signal);
  place.arrived();
  if (!bytes.ok) {
    if (bytes.fault === 'gone') return { ok: false, fault: 'gone' };
    return { ok: false, fault: bodyFault(bytes.fault) };
  }
  const verified = await verify(request.headers, bytes.value, hook, readSecret);
  place.giveBack();
  if (!verified.ok) return verified;
  const parsed = parseJsonBody(bytes.value);
  if (!parsed.ok) {
    const { status, message, hint } = parsed.fault as Exclude<typeof parsed.fault, 'gone'>;
    return { ok: false, fault: bodyFault({ status, message, ...(hint && { hint }) }) };
  }
  const body = parsed.value;
  const challenge = challengeOf(hook, body);
  if (challenge !== undefined) return { ok: true, challenge };
  const about = {
    bytes: bytes.value.length,
    ...(verified.value.signature && { signature: verified.value.signature }),
  };
  const id = verified.value.deliveryId ?? idIn(hook, body);
  if (hook.verification === 'github' && request.headers['x-github-event'] === 'ping') {
    return { ok: true, delivery: { ...about, ...withId(id), ignored: 'ping' } };
  }
  return { ok: true, delivery: { ...about, ...(await mapped(hook, body, request, id)) } };
}

/** Returns the fault of a body, or of its headers, as it is counted and answered. */
export function bodyFault(fault: { status: number; message: string; hint?: string }): RequestFault {
  const code = { 413: 'too_large', 415: 'wrong_content_type' }[fault.status] ?? 'invalid_json';
  const hint = fault.hint ?? 'Send JSON (Content-Type: application/json) of at most 1 MB.';
  return { ...fault, code, hint };
}

async function verify(
  headers: IncomingHttpHeaders,
  body: Buffer,
  hook: InboundHook,
  readSecret: ReadSecret,
): Promise<{ ok: true; value: VerifiedRequest } | { ok: false; fault: RequestFault }> {
  const secrets: { name: string; value: string }[] = [];
  for (const name of hook.secrets) {
    const secret = await readSecret(hook.tenant_id, name);
    if (secret.ok) secrets.push({ name, value: secret.value });
    else {
      const { message, retryable } = secret.error;
      const hint = `Store the secret again: howdah admin secret set ${name}`;
      const status = retryable ? 503 : 401;
      return { ok: false, fault: { status, code: 'unusable_secret', message, hint } };
    }
  }
  const request = { headers, body, at: new Date() };
  const verdict = verifyRequest(hook.verification, request, secrets, hook.secret_header);
  if (verdict.ok) return verdict;
  return {
    ok: false,
    fault: {
      status: 401,
      code: verdict.fault,
      message: verdict.message,
      hint: FIXES[verdict.fault],
    },
  };
}

const FIXES = {
  unsigned: 'Set the secret at the sender, and the verification of the hook to its format.',
  late: 'Check the clocks of both machines. An attacker may have sent an old request again.',
  wrong_signature: 'Compare the secrets of both sides. A proxy must not change the body.',
  unusable_secret: 'Store a key of Standard Webhooks: whsec_ and Base64.',
};

/** Returns the text that Slack expects when the address of the hook is entered there. */
function challengeOf(hook: InboundHook, body: Json): string | undefined {
  if (hook.verification !== 'slack' || !isJsonObject(body)) return undefined;
  const { type, challenge } = body;
  return type === 'url_verification' && typeof challenge === 'string' ? challenge : undefined;
}

/** Returns the id of a delivery in a signed body. A sender repeats it with another time stamp. */
function idIn({ verification }: InboundHook, body: Json): string | undefined {
  if (!isJsonObject(body)) return undefined;
  const id = verification === 'stripe' ? body.id : verification === 'slack' ? body.event_id : '';
  return typeof id === 'string' && id !== '' ? id : undefined;
}

async function mapped(
  hook: InboundHook,
  body: Json,
  { headers }: IncomingMessage,
  id: string | undefined,
): Promise<JsonObject> {
  const contents = { body, headers: shownHeaders(headers, hook.secret_header) };
  const result = await withOffload(hook.tenant_id, undefined, () => mapDelivery(hook, contents));
  if (result.result === 'ignored') return { ...withId(id), ignored: result.reason };
  if (result.result === 'failed') {
    return { ...withId(id), error: expressionError(result.field, result.message) };
  }
  const unstorable = findUnstorable(result.values, 'mapping');
  if (unstorable) {
    const message = `${unstorable.path} ${unstorable.reason}`;
    return { ...withId(id), error: expressionError(unstorable.path, message) };
  }
  const { delivery_id, ...values } = result.values;
  return { ...values, ...withId(delivery_id ?? id) };
}

function expressionError(field: string, message: string): JsonObject {
  const hint = 'Correct the expression: howdah admin inbound-hooks test NAME --file BODY.json';
  return { code: 'HWINV', message, detail: { field }, hint };
}

function withId(id: string | undefined): { delivery_id?: string } {
  if (id === undefined) return {};
  const isShort = id.length <= MOST_ID && !findUnstorable(id, 'id');
  const digest = () => createHash('sha256').update(id).digest('hex');
  return { delivery_id: isShort ? id : `sha256:${digest()}` };
}

/** Returns the headers for expressions: as text, without those that contain a secret. */
export function shownHeaders(
  headers: IncomingHttpHeaders,
  secretHeader: string | null,
): Record<string, string> {
  const hidden = secretHeaders(secretHeader);
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || hidden.has(name) ? [] : [[name, String(value)]],
    ),
  );
}
