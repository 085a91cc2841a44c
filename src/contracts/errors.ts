import type { Json } from '../json/json.ts';
import { displayable, displayableDetail } from '../text/displayable.ts';

/**
 * What can go wrong inside a run, as data. The same form stands in `steps.error`, in
 * `executions.error` and in what a model is told of a failed tool call.
 *
 * - `rate_limited`, `overloaded`, `unreachable`, `timeout`, `bad_answer`: worth another attempt
 * - `invalid_request`, `unauthorized`, `not_found`, `context_too_long`, `content_filtered`: not worth one
 * - `invalid_arguments`, `unknown_tool`, `tool_failed`, `rejected` (by a person or a hook): told to the model, which may act on it
 * - `member_failed`: a member of a workflow gave no answer, and the workflow cannot do without it
 * - `invalid_condition`, `tied_vote`, `no_votes`, `no_route`, `query_failed`: a workflow cannot decide, though no member failed
 * - `cancelled`: the caller's AbortSignal fired;  `script_mismatch`: the scripted model met a call it did not expect
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
  'cancelled',
  'script_mismatch',
  'internal',
] as const;
/** One of these. */
export type ErrorCode = (typeof ERROR_CODES)[number];

/** One failure, normalised. `message` is a sentence a user can act on; `cause` is what was seen underneath. */
export type RunError = {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  /** Milliseconds the other side asked us to wait (Retry-After, in seconds or as a date). */
  retry_after_ms?: number;
  cause?: Json;
};

/** Outcomes are data: whatever may fail gives one of these instead of throwing. */
export type Outcome<T> = { ok: true; value: T } | { ok: false; error: RunError };

/** The SQLSTATEs of `sql/ERRORS.md`. */
export type HowdahCode = 'HWNTF' | 'HWSTL' | 'HWTRM' | 'HWCNF' | 'HWINV' | 'HWQTA' | 'HWDEN';

/**
 * An error for a person: thrown where the caller cannot go on. `code` is a SQLSTATE of ours or of
 * Postgres, or a short word (`EUNREACHABLE`); `hint` names the fix.
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
