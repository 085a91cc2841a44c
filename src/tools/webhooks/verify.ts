import { createHash, createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { MIN_SIGNING_BYTES } from '../../contracts/secret.ts';
import { equalInConstantTime } from '../../text/equal-in-constant-time.ts';
import { signingKey, webhookSignature } from './sign.ts';

/** A way to verify a request, as `howdah.hook_verification` names it. */
export type Verification = EnumLabel<'hook_verification'>;

/** A request that claims to come from a known sender. */
export type SignedRequest = {
  headers: IncomingHttpHeaders;
  /** The body as it arrived, since a signature is of bytes. */
  body: Buffer;
  at: Date;
};

/** A secret of the hook, with its name for messages. */
export type NamedSecret = { name: string; value: string };

/** The reason why a request is not verified. */
export type VerificationFault = 'unsigned' | 'late' | 'wrong_signature' | 'unusable_secret';

/** A verified request, or why it is not verified. */
export type Verdict =
  | { ok: true; value: VerifiedRequest }
  | { ok: false; fault: VerificationFault; message: string };

export type VerifiedRequest = {
  /** The id in the headers of the delivery, if the format has one. */
  deliveryId: string | undefined;
  /** The digest of the signature, by which a repeated request is found. None of a shared secret. */
  signature: string | undefined;
};

/** The difference between the clocks of sender and receiver, and the age of a request. */
const TOLERANCE_S = 300;
/** Most signatures of one request. Senders add one for each key while they rotate keys. */
const MAX_SIGNATURES = 8;

/** The places of the parts of a signed request, and the way its signature is made. */
type SignatureFormat = {
  id?: string;
  /** Returns the time stamp, if the signature covers one. */
  timestamp?(headers: IncomingHttpHeaders): string | undefined;
  /** Returns the signatures. One of them must be right. */
  signatures(headers: IncomingHttpHeaders): string[];
  encoding: 'hex' | 'base64';
  /** Returns the signature that the sender makes with a key. */
  sign(request: SignedRequest, timestamp: string, key: Buffer): Buffer;
  keyOf?(secret: NamedSecret): Outcome<Buffer>;
};

/** Signs a prefix and the body with HMAC-SHA256. */
const hmac = (key: Buffer, prefix: string, body: Buffer) =>
  createHmac('sha256', key).update(prefix).update(body).digest();

const FORMATS: Readonly<Record<Exclude<Verification, 'shared_secret'>, SignatureFormat>> = {
  standard_webhooks: {
    id: 'webhook-id',
    timestamp: (headers) => text(headers, 'webhook-timestamp'),
    signatures: (headers) =>
      values(text(headers, 'webhook-signature')?.split(' ') ?? [], /^v1,(.+)$/),
    encoding: 'base64',
    sign: ({ headers, body }, timestamp, key) =>
      webhookSignature(key, { id: text(headers, 'webhook-id') ?? '', timestamp, body }),
    keyOf: ({ name, value }) => signingKey(name, value),
  },
  github: {
    id: 'x-github-delivery',
    signatures: (headers) => values([text(headers, 'x-hub-signature-256') ?? ''], /^sha256=(.+)$/),
    encoding: 'hex',
    sign: ({ body }, _timestamp, key) => hmac(key, '', body),
  },
  stripe: {
    timestamp: (headers) => values(stripeParts(headers), /^t=(\d+)$/)[0],
    signatures: (headers) => values(stripeParts(headers), /^v1=(.+)$/),
    encoding: 'hex',
    sign: ({ body }, timestamp, key) => hmac(key, `${timestamp}.`, body),
  },
  slack: {
    timestamp: (headers) => text(headers, 'x-slack-request-timestamp'),
    signatures: (headers) => values([text(headers, 'x-slack-signature') ?? ''], /^v0=(.+)$/),
    encoding: 'hex',
    sign: ({ body }, timestamp, key) => hmac(key, `v0:${timestamp}:`, body),
  },
};

const stripeParts = (headers: IncomingHttpHeaders) =>
  text(headers, 'stripe-signature')?.split(',') ?? [];

/**
 * Verifies a request with the secrets of a hook, of which one must be right. Signatures and secrets
 * are compared in constant time.
 */
export function verifyRequest(
  verification: Verification,
  request: SignedRequest,
  secrets: readonly NamedSecret[],
  secretHeader?: string | null,
): Verdict {
  const short = secrets.find(({ value }) => Buffer.byteLength(value.trim()) < MIN_SIGNING_BYTES);
  if (short) {
    const message = `The secret ${short.name} has fewer than ${MIN_SIGNING_BYTES} bytes.`;
    return fault('unusable_secret', message);
  }
  return verification === 'shared_secret'
    ? verifySharedSecret(request, secrets, secretHeader ?? undefined)
    : verifySignature(FORMATS[verification], request, secrets);
}

function verifySignature(
  format: SignatureFormat,
  request: SignedRequest,
  secrets: readonly NamedSecret[],
): Verdict {
  const { headers, at } = request;
  const sent = format.signatures(headers).slice(0, MAX_SIGNATURES);
  const timestamp = format.timestamp ? format.timestamp(headers) : '';
  const deliveryId = format.id && text(headers, format.id);
  if (sent.length === 0 || timestamp === undefined || (format.id && !deliveryId)) {
    return fault('unsigned', 'The request lacks a header of its signature.');
  }
  if (format.timestamp && !isRecent(timestamp, at)) {
    return fault('late', 'The time stamp of the request differs from now by more than 5 minutes.');
  }
  for (const secret of secrets) {
    const key = format.keyOf?.(secret) ?? { ok: true, value: Buffer.from(secret.value.trim()) };
    if (!key.ok) return fault('unusable_secret', key.error.message);
    const right = format.sign(request, timestamp, key.value);
    const found = sent.filter((one) =>
      equalInConstantTime(Buffer.from(one, format.encoding), right),
    );
    if (found.length > 0) {
      return { ok: true, value: { deliveryId, signature: sha256(right).toString('hex') } };
    }
  }
  return fault('wrong_signature', 'The signature of the request does not match its body.');
}

function verifySharedSecret(
  { headers }: SignedRequest,
  secrets: readonly NamedSecret[],
  header: string | undefined,
): Verdict {
  const sent =
    header === undefined
      ? /^bearer +(\S+) *$/i.exec(headers.authorization ?? '')?.[1]
      : text(headers, header.toLowerCase());
  if (!sent) return fault('unsigned', 'The request lacks the header with the secret.');
  const found = secrets.filter(({ value }) => equalInConstantTime(sent, value.trim()));
  if (found.length === 0) return fault('wrong_signature', 'The secret of the request is wrong.');
  const deliveryId = text(headers, 'webhook-id') ?? text(headers, 'idempotency-key');
  return { ok: true, value: { deliveryId, signature: undefined } };
}

/** Returns the names of headers that contain a secret or a signature. */
export function secretHeaders(secretHeader: string | null): ReadonlySet<string> {
  return new Set([
    ...['authorization', 'proxy-authorization', 'cookie', 'webhook-signature'],
    ...['x-hub-signature', 'x-hub-signature-256', 'stripe-signature', 'x-slack-signature'],
    ...(secretHeader === null ? [] : [secretHeader.toLowerCase()]),
  ]);
}

function fault(name: VerificationFault, message: string): Verdict {
  return { ok: false, fault: name, message };
}

function isRecent(timestamp: string, at: Date): boolean {
  if (!/^\d{1,12}$/.test(timestamp)) return false;
  return Math.abs(at.getTime() / 1_000 - Number(timestamp)) <= TOLERANCE_S;
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest();

function text(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Returns what a pattern captures in those of the texts that match. */
function values(texts: readonly string[], pattern: RegExp): string[] {
  return texts.flatMap((one) => pattern.exec(one.trim())?.[1] ?? []);
}
