import type { ErrorCode, Failure } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';

/** Creates a failure as data. Errors of the network are retryable, rejections never are. */
export function createEgressFailure(code: ErrorCode, message: string, cause?: JsonObject): Failure {
  const retryable = code === 'unreachable' || code === 'timeout' || code === 'bad_answer';
  return { ok: false, error: { code, message, retryable, ...(cause ? { cause } : {}) } };
}

/** Creates the failure of a request that is not allowed. */
export function rejectRequest(message: string, host?: string): Failure {
  return createEgressFailure('invalid_request', message, host === undefined ? undefined : { host });
}

/**
 * Creates the failure of every host that is not public. The message is always the same, so that it
 * does not reveal which hosts exist.
 */
export function rejectPrivateHost(host: string): Failure {
  return rejectRequest(
    'url: its host is not a public address, so it may not be reached; an operator can add host:port to HOWDAH_EGRESS_ALLOW',
    host,
  );
}

export class ConnectTimeout extends Error {
  readonly ms: number;

  constructor(ms: number) {
    super(`no connection within ${ms} ms`);
    this.ms = ms;
  }
}

export class BodyTooLarge extends Error {
  readonly maxBytes: number;

  constructor(maxBytes: number) {
    super(`the body has more than ${maxBytes} bytes`);
    this.maxBytes = maxBytes;
  }
}

const TLS = /^(CERT_|ERR_TLS_|ERR_SSL_|EPROTO$|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_)/;
const UNSENDABLE = /^ERR_(INVALID_|HTTP_INVALID_|UNESCAPED_)/;
const NAMES = /^(ENOTFOUND|ENODATA|EAI_)/;

/**
 * Converts an error of the connection or of the body. Messages of Node contain addresses, so only
 * the codes are used.
 */
export function egressFailure(error: unknown, host: string, signal: AbortSignal): Failure {
  if (signal.aborted) return abortFailure(signal.reason, host);
  if (error instanceof BodyTooLarge) {
    const message = `the answer of ${host} is too large: its body may have ${error.maxBytes} bytes after decompression`;
    return createEgressFailure('tool_failed', message, {
      host,
      max_bytes: error.maxBytes,
      sent: true,
    });
  }
  const reason = codeOf(error);
  if (UNSENDABLE.test(reason)) {
    return createEgressFailure('invalid_request', `the request cannot be sent (${reason})`, {
      host,
      reason,
    });
  }
  if (NAMES.test(reason)) {
    return createEgressFailure('unreachable', `${host} has no address (${reason})`, {
      host,
      reason,
    });
  }
  if (TLS.test(reason)) {
    const message = `no secure connection to ${host}: its certificate or its TLS is not accepted (${reason})`;
    return createEgressFailure('tool_failed', message, { host, reason });
  }
  if (/^(HPE_|Z_|ERR_|BROTLI)/.test(reason)) {
    return createEgressFailure('bad_answer', `${host} answered with broken HTTP (${reason})`, {
      host,
      reason,
    });
  }
  return createEgressFailure('unreachable', `the connection to ${host} failed (${reason})`, {
    host,
    reason,
  });
}

/** Converts the reason of an abort: a time-out, or a cancelled request. */
function abortFailure(reason: unknown, host: string): Failure {
  if (reason instanceof ConnectTimeout) {
    const message = `connecting to ${host} took longer than ${reason.ms} ms`;
    return createEgressFailure('timeout', message, { host });
  }
  return reason instanceof Error && reason.name === 'TimeoutError'
    ? createEgressFailure('timeout', `${host} did not answer in time`, { host })
    : createEgressFailure('cancelled', 'the request was cancelled', { host });
}

function codeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : 'connection failed';
}
