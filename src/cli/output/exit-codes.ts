import { HowdahError } from '../../contracts/errors.ts';
import { type PgError, translatePostgresError } from '../../contracts/translate-postgres-error.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';

/** A failure as it is reported to a person or a script. */
export type ErrorReport = {
  code: string;
  message: string;
  hint?: string;
  detail?: Json;
  /** The usage of a command that was not understood. */
  usage?: string;
};

/** The exit statuses of `howdah`. */
export const exitCodes = {
  ok: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  /** Rejected by a budget or a policy. */
  refused: 5,
  runFailed: 6,
  waitingForPerson: 7,
  unreachable: 8,
  interrupted: 130,
} as const;

/** One of the statuses above. */
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/**
 * The exit statuses of codes of ours, of Postgres and of Node. Any other code is a plain `error`.
 */
export const byCode: Readonly<Record<string, ExitCode>> = {
  EUSAGE: exitCodes.usage,
  HWINV: exitCodes.usage,
  HWNTF: exitCodes.notFound,
  HWDEN: exitCodes.notAllowed,
  HWQTA: exitCodes.refused,
  '28000': exitCodes.notAllowed,
  '28P01': exitCodes.notAllowed,
  '42501': exitCodes.notAllowed,
  '3D000': exitCodes.unreachable,
  '53300': exitCodes.unreachable,
  '57P01': exitCodes.unreachable,
  '57P02': exitCodes.unreachable,
  '57P03': exitCodes.unreachable,
  EINTERRUPTED: exitCodes.interrupted,
  EUNREACHABLE: exitCodes.unreachable,
  ECONNREFUSED: exitCodes.unreachable,
  ECONNRESET: exitCodes.unreachable,
  EHOSTUNREACH: exitCodes.unreachable,
  ENETUNREACH: exitCodes.unreachable,
  ENOTFOUND: exitCodes.unreachable,
  EAI_AGAIN: exitCodes.unreachable,
  ETIMEDOUT: exitCodes.unreachable,
};

/**
 * Returns the exit status for an error code: a SQLSTATE, a Node error code or a short word of ours.
 */
export function exitCodeFor(code: string): ExitCode {
  if (byCode[code] !== undefined) return byCode[code];
  // SQLSTATE class 08 is "connection exception", 22 "data exception": a value that cannot be one.
  if (/^08\w{3}$/.test(code)) return exitCodes.unreachable;
  return /^22\w{3}$/.test(code) ? exitCodes.usage : exitCodes.error;
}

/**
 * Returns the report of anything thrown. Errors are recognised by shape (`code`, `hint`, `detail`)
 * and not by class. So an error of `pg` with a SQLSTATE of ours reads like our own. `server` is the
 * `host:port` of the connection, if known.
 */
export function reportOf(thrown: unknown, server?: string): ErrorReport {
  const error = firstCause(thrown);
  const code = text(error.code);
  if (code === undefined) return bug(thrown);
  const refused = refusedRow(code, error);
  if (refused !== undefined) return refused;
  const report = { code, message: text(error.message) ?? code };
  const place = address(error) ?? server ?? text(error.hostname) ?? 'the database server';
  const connection = connectionReport(code, report.message, place);
  const hint = text(error.hint) ?? connection?.hint;
  const detail = readDetail(error.detail);
  return {
    ...report,
    ...(connection && !(thrown instanceof HowdahError) && { message: connection.message }),
    ...(hint !== undefined && { hint }),
    ...(detail !== undefined && { detail }),
  };
}

type Shape = Readonly<Record<string, unknown>>;

/**
 * Translates the error if Postgres itself rejects a row of ours. The report reads as it does over
 * GraphQL.
 */
function refusedRow(code: string, error: Shape): ErrorReport | undefined {
  if (!/^23\w{3}$/.test(code) || error.schema !== 'howdah') return undefined;
  return translatePostgresError(error as PgError);
}

/**
 * Returns the first cause of an error. Node tries every address of a name and throws an
 * AggregateError whose own message is empty.
 */
function firstCause(thrown: unknown): Shape {
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as Shape;
  const [first] = Array.isArray(error.errors) ? (error.errors as Shape[]) : [];
  return first ?? error;
}

function connectionReport(code: string, message: string, place: string) {
  const check = 'Check DATABASE_URL (or --database-url), and that the server is running.';
  if (code === '28P01' || code === '28000') {
    return {
      message: `${place} rejected the login: ${message}.`,
      hint: 'Check the user and the password in DATABASE_URL.',
    };
  }
  if (code === '3D000') {
    return {
      message: `${place} is reachable, but ${message}.`,
      hint: 'Check the name of the database at the end of DATABASE_URL (or --database-url), or create it: createdb NAME',
    };
  }
  if (exitCodeFor(code) !== exitCodes.unreachable) return undefined;
  if (code === 'ECONNREFUSED') return { message: `No server answers at ${place}.`, hint: check };
  if (code === 'ENOTFOUND') {
    return { message: `The host name in ${place} is not known.`, hint: check };
  }
  return { message: `Cannot reach ${place}: ${message}.`, hint: check };
}

function address(error: Shape): string | undefined {
  const host = text(error.address);
  if (host === undefined || typeof error.port !== 'number') return undefined;
  return host.includes(':') ? `[${host}]:${error.port}` : `${host}:${error.port}`;
}

/**
 * Parses the DETAIL of an error, because our SQL functions put JSON text into it. Leaves out what a
 * problem of a server has besides.
 */
function readDetail(detail: unknown): Json | undefined {
  if (isJsonObject(detail as Json) && (detail as JsonObject).type === 'about:blank') {
    const { type: _, title: _title, status: _status, ...own } = detail as JsonObject;
    return Object.keys(own).length === 0 ? undefined : own;
  }
  if (typeof detail !== 'string') return detail as Json | undefined;
  try {
    return parseJson(detail) as Json;
  } catch {
    return detail === '' ? undefined : detail;
  }
}

function bug(thrown: unknown): ErrorReport {
  const hint =
    'This is a bug in Howdah, not a mistake of yours. Please report it with this output.';
  if (!(thrown instanceof Error)) return { code: 'EINTERNAL', message: String(thrown), hint };
  return { code: 'EINTERNAL', message: thrown.message, hint, detail: thrown.stack ?? '' };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
