import { type PgError, translatePostgresError } from '../../contracts/translate-postgres-error.ts';
import { isConnectionLoss } from '../../db/connection/sqlstate.ts';
import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { displayable, displayableDetail } from '../../text/displayable.ts';
import { BUSY } from '../http/request-queue.ts';

export type { PgError };

/**
 * The part of a failure that a client sees. It contains no SQL of Howdah, and no table except the
 * one that the client addressed.
 */
export type ClientError = {
  message: string;
  extensions: { code: string; hint?: string; detail?: Json };
};

/**
 * Explains the error of a statement to the client. Returns undefined if the error does not concern
 * the client.
 */
export function explainFailure(error: unknown): ClientError | undefined {
  return (isPgError(error) ? explain(error) : undefined) ?? explainWaiting(error);
}

function isPgError(error: unknown): error is PgError {
  const { code, message } = (error ?? {}) as Partial<Record<keyof PgError, unknown>>;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof message === 'string';
}

/** Explains the errors of node-pg for a connection that was lost, or was not free in time. */
function explainWaiting(error: unknown): ClientError | undefined {
  const isLate = /^timeout exceeded when trying to connect/.test((error as Error)?.message ?? '');
  if (isLate) {
    const message = 'every connection to the database is in use; try again in a moment';
    return { message, extensions: { code: BUSY, hint: 'Send fewer requests at the same time.' } };
  }
  if (!isConnectionLoss(error)) return undefined;
  const message = 'the database cannot be reached';
  const hint = 'Try again in a moment; /readyz shows whether the server is ready.';
  return { message, extensions: { code: 'EUNREACHABLE', hint } };
}

/**
 * Explains an error of the database to the client, with a code of Howdah. Returns undefined if the
 * error does not concern the client.
 */
function explain(error: PgError): ClientError | undefined {
  if (/^HW[A-Z0-9]{3}$/.test(error.code)) {
    return { message: displayable(error.message), extensions: refusalOf(error) };
  }
  const words = translatePostgresError(error);
  if (!words) return undefined;
  const { message, ...extensions } = words;
  return { message: displayable(message), extensions };
}

/**
 * Returns the code, hint and detail of an error that Howdah raised. The detail is JSON for
 * programs.
 */
function refusalOf({ code, hint, detail }: PgError): ClientError['extensions'] {
  return {
    code,
    ...(hint !== undefined && { hint: displayable(hint) }),
    ...(detail !== undefined && { detail: displayableDetail(parseDetail(detail)) }),
  };
}

function parseDetail(detail: string): Json {
  try {
    return parseJson(detail) as Json;
  } catch {
    return detail;
  }
}
