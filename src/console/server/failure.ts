import { isJsonObject, type Json } from '../../json/json.ts';

/** Codes of failures that do not come from the API. */
export const UNREACHABLE = 'EUNREACHABLE';
export const LOGIN_NEEDED = 'ELOGIN';
const PAGE_FAILED = 'EPAGE';

/** Classes of SQLSTATE for a lost connection, a busy server, and a statement that was stopped. */
const TEMPORARY_CLASSES: readonly string[] = ['08', '53', '57'];

/** A request that failed: a sentence for people, a code, and perhaps what to do. */
export class Failure extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  /** The name of a limit of the API that the request exceeded, as in `detail.limit`. */
  readonly limit: string | undefined;
  /** The faults of fields of the request, by the names of the fields. */
  readonly faults: Readonly<Record<string, string>>;

  constructor(message: string, code: string, hint?: string, limit?: string, faults = {}) {
    super(message);
    this.code = code;
    this.hint = hint;
    this.limit = limit;
    this.faults = faults;
  }

  /** True if the same request may succeed a little later. */
  get isTemporary(): boolean {
    const isState = this.code.length === 5 && TEMPORARY_CLASSES.includes(this.code.slice(0, 2));
    return isState || this.code === UNREACHABLE;
  }
}

/** Reads an error of GraphQL. */
export function failureOfError(error: Json): Failure {
  const { message, extensions } = isJsonObject(error) ? error : { message: error };
  const { code, hint, detail } = isJsonObject(extensions ?? null)
    ? (extensions as { code?: Json; hint?: Json; detail?: Json })
    : {};
  const limit = isJsonObject(detail ?? null) ? (detail as { limit?: Json }).limit : undefined;
  return new Failure(
    sentence(textOf(message) ?? 'The server answered without a reason'),
    textOf(code) ?? 'EINTERNAL',
    textOf(hint),
    textOf(limit),
  );
}

/** Reads a problem of RFC 9457, which the API sends before a request reaches GraphQL. */
export function failureOfProblem(body: Json, status: number): Failure {
  const { detail, code, hint, field, errors } = isJsonObject(body) ? body : {};
  const message = textOf(detail) ?? `The server answered with the status ${status}`;
  const kind = status === 401 ? LOGIN_NEEDED : (textOf(code) ?? 'EINTERNAL');
  const only = { field: field ?? null, message, hint: hint ?? null };
  const faults = Array.isArray(errors) ? errors : [only];
  return new Failure(sentence(message), kind, textOf(hint), undefined, faultsByField(faults));
}

/** Returns the sentences about fields. What is said of `models.0` is about `models`. */
function faultsByField(faults: readonly Json[]): Record<string, string> {
  const named = faults.flatMap((fault) => {
    const { field, message, hint } = isJsonObject(fault) ? fault : {};
    const [name] = (textOf(field) ?? '').split('.');
    const words = [textOf(message), textOf(hint)].filter((one) => one !== undefined);
    return name ? [[name, words.map(sentence).join(' ')] as const] : [];
  });
  return Object.fromEntries(named.toReversed());
}

function textOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Writes a message of the database as a sentence. */
function sentence(message: string): string {
  const start = `${message.slice(0, 1).toUpperCase()}${message.slice(1)}`;
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

/** Returns the failure of a request. Anything else is a bug of this page. */
export function toFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure(`This page failed: ${String(error)}`, PAGE_FAILED);
}
