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
import type { BodyReservation } from './body-memory.ts';

/** Most bytes of a request to a hook. */
export const MAX_BYTES = 1024 * 1024;
/** Most characters of an id of a delivery. A longer id is stored as its digest. */
const MAX_ID = 200;

/** The reason why a request is refused. `status` 401 has one answer for all reasons. */
export type RequestFault = { status: number; code: string; message: string; hint: string };

/** The bytes of a body. `gone` means that the sender has left, or had to make room. */
export type ReceivedBody =
  | { ok: true; value: Buffer }
  | { ok: false; fault: RequestFault | 'gone' };

/** A mapped request: a delivery for the database, or the answer to a challenge. */
export type MappedRequest =
  | { ok: true; delivery: JsonObject }
  | { ok: true; challenge: string }
  | { ok: false; fault: RequestFault };

/** Reads the body of a request to a hook into the memory that is reserved for it. */
export async function readInboundBody(
  request: IncomingMessage,
  reservation: BodyReservation,
): Promise<ReceivedBody> {
  const bytes = await readJsonBytes(request, MAX_BYTES, reservation.signal);
  reservation.markComplete();
  if (bytes.ok) return bytes;
  return { ok: false, fault: bytes.fault === 'gone' ? 'gone' : bodyFault(bytes.fault) };
}

/** Parses and maps the body of a verified request. */
export async function mapRequest(
  request: IncomingMessage,
  bytes: Buffer,
  hook: InboundHook,
  { signature, deliveryId }: VerifiedRequest,
): Promise<MappedRequest> {
  const parsed = parseJsonBody(bytes);
  if (!parsed.ok) {
    const { status, message, hint } = parsed.fault as Exclude<typeof parsed.fault, 'gone'>;
    return { ok: false, fault: bodyFault({ status, message, ...(hint && { hint }) }) };
  }
  const body = parsed.value;
  const challenge = challengeOf(hook, body);
  if (challenge !== undefined) return { ok: true, challenge };
  const about = { bytes: bytes.length, ...(signature && { signature }) };
  const id = deliveryId ?? idIn(hook, body);
  if (hook.verification === 'github' && request.headers['x-github-event'] === 'ping') {
    return { ok: true, delivery: { ...about, ...deliveryIdOf(id), ignored: 'ping' } };
  }
  return { ok: true, delivery: { ...about, ...(await mapBody(hook, body, request, id)) } };
}

/** Returns the fault of a body, or of its headers, as it is counted and answered. */
export function bodyFault(fault: { status: number; message: string; hint?: string }): RequestFault {
  const code = { 413: 'too_large', 415: 'wrong_content_type' }[fault.status] ?? 'invalid_json';
  const hint = fault.hint ?? 'Send JSON (Content-Type: application/json) of at most 1 MB.';
  return { ...fault, code, hint };
}

/** Verifies a request to a hook by the signature or secret in its headers. */
export async function verify(
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
      const { message } = secret.error;
      const hint = `Store the secret again: howdah admin secret set ${name}`;
      return { ok: false, fault: { status: 401, code: 'unusable_secret', message, hint } };
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
      hint: HINTS[verdict.fault],
    },
  };
}

const HINTS = {
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

/** Returns the values of the expressions of a hook, or the reason why there are none. */
async function mapBody(
  hook: InboundHook,
  body: Json,
  { headers }: IncomingMessage,
  id: string | undefined,
): Promise<JsonObject> {
  const contents = { body, headers: shownHeaders(headers, hook.secret_header) };
  const result = await withOffload(hook.tenant_id, undefined, () => mapDelivery(hook, contents));
  if (result.result === 'ignored') return { ...deliveryIdOf(id), ignored: result.reason };
  if (result.result === 'failed') {
    return { ...deliveryIdOf(id), error: expressionError(result.field, result.message) };
  }
  const unstorable = findUnstorable(result.values, 'mapping');
  if (unstorable) {
    const message = `${unstorable.path} ${unstorable.reason}`;
    return { ...deliveryIdOf(id), error: expressionError(unstorable.path, message) };
  }
  const { delivery_id, ...values } = result.values;
  return { ...values, ...deliveryIdOf(delivery_id ?? id) };
}

function expressionError(field: string, message: string): JsonObject {
  const hint = 'Correct the expression: howdah admin inbound-hooks test NAME --file BODY.json';
  return { code: 'HWINV', message, detail: { field }, hint };
}

/** Returns the id of a delivery as it is stored, in an object. */
function deliveryIdOf(id: string | undefined): { delivery_id?: string } {
  if (id === undefined) return {};
  const isShort = id.length <= MAX_ID && !findUnstorable(id, 'id');
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
