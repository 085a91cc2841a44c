import { type ErrorCode, type Failure, isRunError } from '../../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { createFailure } from '../failure.ts';
import { codeOfError, parseReport } from './error-codes.ts';
import { redact, sentence } from './redact.ts';
import { waitingTimeMs } from './waiting-times.ts';

/** The server of a call, as a failure may name it. */
export type Peer = {
  host: string;
  model: string;
  key: string | null;
  secret?: string | undefined;
  /** The environment variable with the key, if the model names no secret. */
  keyVariable?: string | undefined;
};

/** A response with a status other than 2xx, and its body. */
export type HttpFailure = {
  status: number;
  headers: Headers | undefined;
  body: unknown;
  text: string;
};

/** The codes of failures after which a server may say how long to wait. */
const WAITS: ReadonlySet<ErrorCode> = new Set(['rate_limited', 'overloaded', 'timeout']);

export function httpFailure(seen: HttpFailure, peer: Peer): Failure {
  const report = parseReport(seen.body, seen.text, peer.key);
  const code = codeOfError(seen.status, report);
  const detail = sentence(report.message, peer.key);
  const { param } = report.error;
  const field = typeof param === 'string' ? firstCharacters(redact(param, peer.key), 200) : '';
  const message = SENTENCES[code]?.(peer, seen.status) ?? `${peer.host} answered ${seen.status}.`;
  return createFailure(code, [message, detail].filter(Boolean).join(' Its message: '), {
    retry_after_ms: WAITS.has(code) ? waitingTimeMs(seen.headers, report) : undefined,
    cause: {
      status: seen.status,
      ...(report.code ? { code: report.code } : {}),
      ...(field && { param: field }),
      message: detail,
    },
  });
}

/**
 * Maps an `error` object that replaces an answer, in a stream or in a body with status 200. A
 * status or a code in the object counts as the status of the response.
 */
export function reportedFailure(body: unknown, text: string, peer: Peer): Failure {
  const report = parseReport(body, text, peer.key);
  const detail = sentence(report.message, peer.key);
  const code = codeOfError(undefined, report);
  const message = `${peer.host} ended the answer with an error. Its message: ${detail}`;
  return createFailure(code, message, {
    retry_after_ms: WAITS.has(code) ? waitingTimeMs(undefined, report) : undefined,
    cause: { ...(report.code ? { code: report.code } : {}), message: detail },
  });
}

/**
 * Returns the error that a body or an event contains in place of an answer. vLLM writes the whole
 * object as the error: `{"object": "error", "message": …}`.
 */
export function errorIn(body: unknown): unknown {
  if (!isJsonObject(body)) return undefined;
  return body.error || (body.object === 'error' ? body : undefined);
}

/** Creates the failure of a web page in place of an API response. */
export function webPage({ host }: Peer): Failure {
  const hint = 'check the base_url (most end in /v1)';
  return createFailure('bad_answer', `${host} answered with a web page instead of JSON; ${hint}.`);
}

/**
 * Returns the failure with which the guard of outgoing requests refused or ended a request, or
 * undefined. Packages wrap errors of `fetch`, so the failure is the innermost cause.
 */
export function guardFailure(error: unknown, { model }: Peer): Failure | undefined {
  let cause: unknown = error;
  for (let depth = 0; cause instanceof Error && depth < 6; depth++) cause = cause.cause;
  if (!isRunError(cause)) return undefined;
  const message = cause.message.replace(/^url: /, `base_url of model ${model}: `);
  return { ok: false, error: { ...cause, message } };
}

/** Creates the failure of a server that no connection could be made to. */
export function unreachableServer(error: unknown, peer: Peer): Failure {
  const cause = innermostCause(error, peer);
  const reason = typeof cause.code === 'string' ? ` (${cause.code})` : '';
  return createFailure('unreachable', `${peer.host} cannot be reached${reason}; is it up?`, {
    cause,
  });
}

/** Creates the failure of an answer that ended early, or that cannot be read. */
export function brokenAnswer(error: unknown, peer: Peer): Failure {
  const message = `The answer of ${peer.host} broke off or is not JSON.`;
  return createFailure('bad_answer', message, { cause: innermostCause(error, peer) });
}

/** Returns the innermost code (`ECONNREFUSED`) and message of an error, without the key. */
export function innermostCause(error: unknown, peer: Peer): JsonObject {
  let seen: unknown = error;
  for (let depth = 0; seen instanceof Error && seen.cause && depth < 5; depth++) seen = seen.cause;
  const text = seen instanceof Error ? seen.message : String(seen);
  const message = firstCharacters(redact(text, peer.key), 400);
  const code = seen instanceof Error && 'code' in seen ? seen.code : undefined;
  return { message, ...(typeof code === 'string' ? { code } : {}) };
}

const SENTENCES: Partial<Record<ErrorCode, (peer: Peer, status: number) => string>> = {
  rate_limited: ({ host }) =>
    `${host} limits the requests (429); raise the limit or add a fallback model.`,
  quota_exhausted: ({ host }, status) =>
    `The credit or the quota of the account at ${host} is used up (${status}); add credit, raise the limit, or add a fallback model.`,
  timeout: ({ host }, status) => `${host} did not finish in time (${status}).`,
  overloaded: ({ host }, status) => `${host} is overloaded or unavailable (${status}).`,
  invalid_request: ({ host }, status) =>
    status < 400
      ? `${host} redirects (${status}), which is not followed; set base_url to the final address.`
      : `${host} refused the request (${status}); check the model's request_params and the tools' schemas.`,
  context_too_long: ({ model }) =>
    `The conversation is too long for model ${model}; use one with a larger context, or a shorter history.`,
  content_filtered: ({ host }) => `The content filter of ${host} refused the request.`,
  unauthorized: ({ host, key, secret, keyVariable }, status) =>
    key === null
      ? `${host} requires a key (${status}), but none was sent. For a model with its own base_url, keys in the environment are not used: set secret_name to a secret with the key.`
      : `${host} refused the key or the account (${status}); check ${secret ? `the secret ${secret}` : (keyVariable ?? 'its key')} and its permissions.`,
  not_found: ({ host, model }) =>
    `${host} does not know the model ${model} or the address (404); check the model's name and base_url.`,
};
