import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { RunError } from '../../contracts/errors.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import type { ErrorAnswer } from '../errors/answer-error.ts';
import { RETRY_AFTER } from '../http/request-queue.ts';
import type { openAiErrorBody } from './completion-schemas.ts';

/** An error in OpenAI's format, with the status and the headers of its answer. */
export type OpenAiError = {
  status: number;
  error: z.output<typeof openAiErrorBody>['error'];
  headers: Record<string, string>;
};

/** Error types that OpenAI's clients know, by status. */
const types: Readonly<Record<number, string>> = {
  403: 'permission_error',
  409: 'conflict_error',
  429: 'rate_limit_error',
};
/** Error codes of OpenAI that replace ours, by status. */
const codes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  429: 'rate_limit_exceeded',
};

/**
 * Returns a failure in OpenAI's format: the message with its hint, the field as `param`, and the
 * code of OpenAI if there is one, else ours.
 */
export function openAiError({ status, code, message, hint, detail }: ErrorAnswer): OpenAiError {
  const { field, openai_code, agent, workflow, retry_after_seconds } = objectOf(detail);
  const isModel = status === 404 && typeof (agent ?? workflow) === 'string';
  const headers: Record<string, string> = {
    ...(status === 429 &&
      retry_after_seconds != null && { 'retry-after': `${retry_after_seconds}` }),
    ...(status === 503 && { 'retry-after': RETRY_AFTER }),
    ...(status === 409 && { 'x-should-retry': 'false' }), // OpenAI's clients would retry it
  };
  const sentence = toClientNames(message);
  const error = {
    message: hint === undefined ? sentence : `${sentence.replace(/\.$/, '')}. ${hint}`,
    type: types[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error'),
    param: isModel ? 'model' : typeof field === 'string' ? toClientNames(field) : null,
    code: isModel ? 'model_not_found' : String(openai_code ?? codes[status] ?? code),
  };
  return { status, error, headers };
}

/**
 * Replaces the column of a run at the start of a message or field by the name that the client
 * knows.
 */
function toClientNames(text: string): string {
  return text
    .replace(/^client_tools\b/, 'tools')
    .replace(/^input_parts\[\d+\]/, 'content') // texts of a content have an index, but are no parts
    .replace(/^idempotency_key\b/, 'Idempotency-Key');
}

/**
 * Returns the error for a valid request whose run has ended without an answer. Clients must not
 * retry such a request automatically.
 */
export function runFailure(
  id: string,
  run: { status: string; stop_reason: string | null; error: RunError | null },
): OpenAiError {
  const why = run.error?.message ?? `the run was ${run.status}`;
  return {
    status: run.status === 'cancelled' ? 409 : 500,
    error: {
      message: `The run ${id} ended as ${run.status}: ${why}`,
      type: run.status === 'cancelled' ? 'conflict_error' : 'server_error',
      param: null,
      code: String(run.error?.code ?? run.stop_reason ?? run.status),
    },
    headers: { 'x-should-retry': 'false' },
  };
}

/** Returns the error for a parameter that asks for something this API does not support. */
export function unsupportedParameter(param: string, message: string, hint: string): RequestRefusal {
  const detail = { field: param, openai_code: 'unsupported_parameter' };
  return new RequestRefusal(400, message, { hint, detail });
}

/** Returns the error for an invalid request, with the invalid field. */
export function invalidParameter(param: string, message: string, hint?: string): RequestRefusal {
  return new RequestRefusal(400, message, { hint, detail: { field: param } });
}

export function sendError(reply: FastifyReply, { status, error, headers }: OpenAiError) {
  return reply
    .code(status)
    .headers({ 'cache-control': 'no-store', ...headers })
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ error }));
}

function objectOf(detail: Json): Record<string, Json | undefined> {
  return isJsonObject(detail) ? detail : {};
}
