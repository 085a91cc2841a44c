import type { Json } from '../json/json.ts';
import { displayable, displayableDetail } from '../text/displayable.ts';
import type { Usage } from './agents/usage.ts';

/**
 * The codes of failures inside a run, as data. `steps.error`, `executions.error` and the message to
 * a model about a failed tool call have the same form.
 *
 * - `rate_limited`, `overloaded`, `unreachable`, `timeout`, `bad_answer`: another attempt may
 *   succeed
 * - `invalid_request`, `unauthorized`, `not_found`, `context_too_long`, `content_filtered`: another
 *   attempt would fail, too
 * - `quota_exhausted`: the credit or the quota of an account is used up
 * - `refused`: the model refused to answer; the message has its words
 * - `output_truncated`: the token limit cut the answer off, even when it was asked again
 * - `empty_answer`: the model gave neither a text nor a call, even when it was asked again
 * - `invalid_arguments`, `unknown_tool`, `tool_failed`, `rejected` (by a person or a hook): sent to
 *   the model, which may act on the error
 * - `member_failed`: a member of a workflow gave no answer, and the workflow needs its answer
 * - `invalid_condition`, `tied_vote`, `no_votes`, `no_route`, `query_failed`: a workflow cannot
 *   decide, though no member failed
 * - `start_refused`: a watched table could not start the run
 * - `cancelled`: the caller's AbortSignal fired
 * - `script_mismatch`: the scripted model received a call that it did not expect
 */
export const ERROR_CODES = [
  'rate_limited',
  'overloaded',
  'unreachable',
  'timeout',
  'bad_answer',
  'invalid_request',
  'unauthorized',
  'not_found',
  'context_too_long',
  'content_filtered',
  'refused',
  'quota_exhausted',
  'output_truncated',
  'empty_answer',
  'invalid_arguments',
  'unknown_tool',
  'tool_failed',
  'member_failed',
  'invalid_condition',
  'tied_vote',
  'no_votes',
  'no_route',
  'query_failed',
  'rejected',
  'invalid_output',
  'limit_reached',
  'start_refused',
  'cancelled',
  'script_mismatch',
  'internal',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/**
 * A normalised failure. `message` is a sentence that a user can act on. `cause` contains the
 * underlying details.
 */
export type RunError = {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  /** The milliseconds that the server asked to wait (Retry-After, in seconds or as a date). */
  retry_after_ms?: number;
  cause?: Json;
};

/** Returns whether a value is a normalised failure. */
export function isRunError(value: unknown): value is RunError {
  const { code, message, retryable } = (value ?? {}) as Partial<RunError>;
  return (
    ERROR_CODES.includes(code as ErrorCode) &&
    typeof message === 'string' &&
    typeof retryable === 'boolean'
  );
}

/**
 * The outcome of an operation that may fail. Such operations return an outcome instead of throwing.
 */
export type Outcome<T> = { ok: true; value: T } | Failure;

/** The failing half of an `Outcome`. `usage`: what a model server counted nevertheless. */
export type Failure = { ok: false; error: RunError; usage?: Usage };

/**
 * An error for a person, thrown when the caller cannot continue. `code` is a SQLSTATE of Howdah or
 * of Postgres, or a short word (`EUNREACHABLE`). `hint` names the fix.
 */
export class HowdahError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly detail: Json | undefined;

  constructor(
    code: string,
    message: string,
    options: { hint?: string | undefined; detail?: Json | undefined; cause?: unknown } = {},
  ) {
    super(displayable(message), options.cause === undefined ? {} : { cause: options.cause });
    this.name = 'HowdahError';
    this.code = code;
    this.hint = options.hint && displayable(options.hint);
    this.detail = displayableDetail(options.detail);
  }
}
