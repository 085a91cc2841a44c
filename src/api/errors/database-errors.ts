import { type PgError, translatePostgresError } from '../../contracts/translate-postgres-error.ts';
import { isConnectionLoss } from '../../db/connection/sqlstate.ts';
import type { Json } from '../../json/json.ts';
import { displayable, displayableDetail } from '../../text/displayable.ts';
import { BUSY } from '../http/admission.ts';

export type { PgError };

/** What a client is told of a failure: nothing of our SQL, and no tables but the one he addressed. */
export type ClientError = {
  message: string;
  extensions: { code: string; hint?: string; detail?: Json };
};

/** What the client is told of whatever a statement threw; undefined when it is not his business. */
export function explainFailure(error: unknown): ClientError | undefined {
  return (isPgError(error) ? explain(error) : undefined) ?? explainWaiting(error);
}

function isPgError(error: unknown): error is PgError {
  const { code, message } = (error ?? {}) as Partial<Record<keyof PgError, unknown>>;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && typeof message === 'string';
}

/** node-pg's words for a connection that was lost, or did not come free in time. */
function explainWaiting(error: unknown): ClientError | undefined {
  const isLate = /^timeout exceeded when trying to connect/.test((error as Error)?.message ?? '');
  if (isLate) {
    const message = 'every connection to the database is in use; try again in a moment';
    return { message, extensions: { code: BUSY, hint: 'Ask for less at once.' } };
  }
  if (!isConnectionLoss(error)) return undefined;
  const message = 'the database cannot be reached';
  const hint = 'Try again in a moment; /readyz tells when.';
  return { message, extensions: { code: 'EUNREACHABLE', hint } };
}

/** What the client is told of an error of the database, by a code of ours; undefined when it is not his business. */
function explain(error: PgError): ClientError | undefined {
  if (/^HW[A-Z0-9]{3}$/.test(error.code)) {
    return { message: displayable(error.message), extensions: refusalOf(error) };
  }
  const words = translatePostgresError(error);
  if (!words) return undefined;
  const { message, ...extensions } = words;
  return { message: displayable(message), extensions };
}

/** The detail of our own errors is JSON for code. */
function refusalOf({ code, hint, detail }: PgError): ClientError['extensions'] {
  return {
    code,
    ...(hint !== undefined && { hint: displayable(hint) }),
    ...(detail !== undefined && { detail: displayableDetail(parsed(detail)) }),
  };
}

function parsed(detail: string): Json {
  try {
    return JSON.parse(detail) as Json;
  } catch {
    return detail;
  }
}
