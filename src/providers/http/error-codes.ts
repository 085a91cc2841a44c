import type { ErrorCode } from '../../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { codeOfStatus } from '../failure.ts';
import { redact } from './redact.ts';

/** The report of an error by a model server. `codes`: its codes, types and statuses. */
export type ErrorReport = {
  message: string;
  code: string | null;
  codes: string[];
  error: JsonObject;
};

/** A code, type or status that vendors write into the body of an error, and the code for it. */
export type VendorErrorRow = { value: string; code: ErrorCode; vendors: string };

/**
 * Codes that decide whatever the HTTP status is: vendors report them with several.
 * `docs/reference/providers.md` is generated from these tables.
 */
export const DECISIVE_ERRORS: readonly VendorErrorRow[] = [
  { value: 'insufficient_quota', code: 'quota_exhausted', vendors: 'OpenAI, Azure' },
  { value: 'billing_hard_limit_reached', code: 'quota_exhausted', vendors: 'OpenAI' },
  { value: 'billing_not_active', code: 'quota_exhausted', vendors: 'OpenAI' },
  { value: 'billing_error', code: 'quota_exhausted', vendors: 'Anthropic' },
  { value: 'exceeded_current_quota_error', code: 'quota_exhausted', vendors: 'Moonshot' },
  { value: 'insufficient_balance', code: 'quota_exhausted', vendors: 'gateways' },
  { value: 'insufficient_credits', code: 'quota_exhausted', vendors: 'gateways' },
  { value: 'quota_exceeded', code: 'quota_exhausted', vendors: 'ElevenLabs' },
  { value: 'content_filter', code: 'content_filtered', vendors: 'OpenAI, Azure' },
  { value: 'content_policy_violation', code: 'content_filtered', vendors: 'OpenAI' },
  { value: 'moderation_blocked', code: 'content_filtered', vendors: 'OpenAI' },
  { value: 'responsibleaipolicyviolation', code: 'content_filtered', vendors: 'Azure' },
  { value: 'arrearage', code: 'quota_exhausted', vendors: 'Alibaba' },
  { value: 'tool_use_failed', code: 'bad_answer', vendors: 'Groq' },
  { value: 'output_parse_failed', code: 'bad_answer', vendors: 'Groq' },
  { value: 'json_validate_failed', code: 'bad_answer', vendors: 'Groq' },
  { value: 'context_length_exceeded', code: 'context_too_long', vendors: 'OpenAI' },
];

/** Codes of errors that a server reports without a status: in a stream, or with status 200. */
export const REPORTED_ERRORS: readonly VendorErrorRow[] = [
  { value: 'rate_limit_error', code: 'rate_limited', vendors: 'Anthropic' },
  { value: 'rate_limit_exceeded', code: 'rate_limited', vendors: 'OpenAI, Groq' },
  { value: 'too_many_requests', code: 'rate_limited', vendors: 'gateways' },
  { value: 'resource_exhausted', code: 'rate_limited', vendors: 'Google' },
  { value: 'throttlingexception', code: 'rate_limited', vendors: 'Bedrock' },
  { value: 'overloaded_error', code: 'overloaded', vendors: 'Anthropic' },
  { value: 'api_error', code: 'overloaded', vendors: 'Anthropic' },
  { value: 'server_error', code: 'overloaded', vendors: 'OpenAI' },
  { value: 'internal_server_error', code: 'overloaded', vendors: 'Groq' },
  { value: 'internalserverexception', code: 'overloaded', vendors: 'Bedrock' },
  { value: 'serviceunavailableexception', code: 'overloaded', vendors: 'Bedrock' },
  { value: 'modelstreamerrorexception', code: 'overloaded', vendors: 'Bedrock' },
  { value: 'internal', code: 'overloaded', vendors: 'Google' },
  { value: 'unavailable', code: 'overloaded', vendors: 'Google' },
  { value: 'timeout_error', code: 'timeout', vendors: 'Anthropic' },
  { value: 'deadline_exceeded', code: 'timeout', vendors: 'Google' },
  { value: 'invalid_request_error', code: 'invalid_request', vendors: 'OpenAI, Anthropic' },
  { value: 'invalid_argument', code: 'invalid_request', vendors: 'Google' },
  { value: 'validationexception', code: 'invalid_request', vendors: 'Bedrock' },
  { value: 'request_too_large', code: 'context_too_long', vendors: 'Anthropic' },
  { value: 'authentication_error', code: 'unauthorized', vendors: 'OpenAI, Anthropic' },
  { value: 'invalid_api_key', code: 'unauthorized', vendors: 'OpenAI' },
  { value: 'permission_error', code: 'unauthorized', vendors: 'Anthropic' },
  { value: 'unauthenticated', code: 'unauthorized', vendors: 'Google' },
  { value: 'permission_denied', code: 'unauthorized', vendors: 'Google' },
  { value: 'not_found_error', code: 'not_found', vendors: 'Anthropic' },
  { value: 'model_not_found', code: 'not_found', vendors: 'OpenAI' },
  { value: 'not_found', code: 'not_found', vendors: 'Google' },
];

const codesBy = (rows: readonly VendorErrorRow[]): ReadonlyMap<string, ErrorCode> =>
  new Map(rows.map(({ value, code }) => [value, code]));
const DECISIVE = codesBy(DECISIVE_ERRORS);
const REPORTED = codesBy(REPORTED_ERRORS);

const TOO_LONG =
  /context.{0,20}(length|window|size)|maximum context|prompt is too long|too many (input )?tokens/i;
const NO_CREDIT =
  /credit balance is too low|(insufficient|requires more|out of|not enough) (balance|credits?|funds)|balance is (not enough|insufficient|too low)|余额不足|key limit exceeded|billing (hard )?limit/i;
/** A limit for a day or longer: waiting for minutes does not help. */
const LONG_QUOTA = /\b(per|a)[ -](day|month)\b|\b(daily|monthly) .{0,30}(limit|quota)|PerDay/i;

/** Statuses of errors whose report may say more than they do. */
const VAGUE: ReadonlySet<ErrorCode | undefined> = new Set([
  undefined,
  'invalid_request',
  'unauthorized',
  'rate_limited',
  'context_too_long',
]);

/**
 * Returns the code of an error from its HTTP status and its body. Without a status, a status in the
 * body counts, and then a code of the vendor.
 */
export function codeOfError(status: number | undefined, report: ErrorReport): ErrorCode {
  const stated = status ?? statusIn(report);
  const plain = stated === undefined ? undefined : codeOfStatus(stated);
  if (VAGUE.has(plain)) {
    const decisive = firstOf(DECISIVE, report) ?? codeOfText(report, plain);
    if (decisive !== undefined) return decisive;
  }
  return plain ?? firstOf(REPORTED, report) ?? 'bad_answer';
}

function codeOfText(report: ErrorReport, plain: ErrorCode | undefined): ErrorCode | undefined {
  if (NO_CREDIT.test(report.message)) return 'quota_exhausted';
  if (plain === 'rate_limited') {
    return LONG_QUOTA.test(report.message) || quotaIds(report).some((id) => LONG_QUOTA.test(id))
      ? 'quota_exhausted'
      : undefined;
  }
  return plain !== 'unauthorized' && TOO_LONG.test(report.message) ? 'context_too_long' : undefined;
}

/** Returns the quotas that a request violates, as Google reports them. */
function quotaIds({ error }: ErrorReport): string[] {
  const details = Array.isArray(error.details) ? error.details.filter(isJsonObject) : [];
  const violations = details.flatMap(({ violations: all }) => (Array.isArray(all) ? all : []));
  return violations.filter(isJsonObject).map(({ quotaId }) => String(quotaId ?? ''));
}

function firstOf(
  codes: ReadonlyMap<string, ErrorCode>,
  report: ErrorReport,
): ErrorCode | undefined {
  const found = report.codes.find((code) => codes.has(code.toLowerCase()));
  return found === undefined ? undefined : codes.get(found.toLowerCase());
}

function statusIn({ codes, error }: ErrorReport): number | undefined {
  const stated = [...codes, String(error.status ?? '')].find((code) => /^[45]\d\d$/.test(code));
  return stated === undefined ? undefined : Number(stated);
}

/**
 * Reads the error bodies in use: OpenAI's, a plain string, Google's array, Mistral's and FastAPI's.
 */
export function parseReport(body: unknown, text: string, key: string | null): ErrorReport {
  const one = Array.isArray(body) ? body[0] : body;
  const error = isJsonObject(one) && one.error !== undefined ? one.error : one;
  if (!isJsonObject(error)) {
    const message = typeof error === 'string' ? error : text;
    return { message, code: null, codes: [], error: {} };
  }
  const inner = isJsonObject(error.innererror) ? error.innererror : {};
  const codes = [error.code, error.type, inner.code, error.status].flatMap((code) =>
    typeof code === 'string' || typeof code === 'number'
      ? [firstCharacters(redact(String(code), key), 100)]
      : [],
  );
  return { message: messageOf(error) ?? text, code: codes[0] ?? null, codes, error };
}

function messageOf(error: JsonObject): string | null {
  const message: Json = error.message ?? error.detail ?? null;
  if (message === null) return null;
  return typeof message === 'string' ? message : JSON.stringify(message);
}
