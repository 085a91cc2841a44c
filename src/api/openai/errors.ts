import type { FastifyReply } from 'fastify';
import type { z } from 'zod';
import type { RunError } from '../../contracts/errors.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import type { Failure } from '../errors/answer-error.ts';
import { RequestRefusal } from '../errors/request-refusal.ts';
import { RETRY_AFTER } from '../http/admission.ts';
import type { openAiErrorBody } from './answers.ts';

/** An error in the words of OpenAI, and how it is answered. */
export type OpenAiError = {
  status: number;
  error: z.output<typeof openAiErrorBody>['error'];
  headers: Record<string, string>;
};

/** The types that OpenAI's clients know, by status. */
const types: Readonly<Record<number, string>> = {
  403: 'permission_error',
  409: 'conflict_error',
  429: 'rate_limit_error',
};
/** The codes that OpenAI has for what ours say. */
const codes: Readonly<Record<number, string>> = {
  401: 'invalid_api_key',
  429: 'rate_limit_exceeded',
};

/** A refusal of ours: the sentence with its fix, the field as `param`, OpenAI's code where it has one, else ours. */
export function openAiError({ status, code, message, hint, detail }: Failure): OpenAiError {
  const { field, openai_code, agent, workflow, retry_after_seconds } = objectOf(detail);
  const isModel = status === 404 && typeof (agent ?? workflow) === 'string';
  const headers: Record<string, string> = {
    ...(status === 429 &&
      retry_after_seconds != null && { 'retry-after': `${retry_after_seconds}` }),
    ...(status === 503 && { 'retry-after': RETRY_AFTER }),
    ...(status === 409 && { 'x-should-retry': 'false' }), // OpenAI's clients would try it again
  };
  const sentence = inTheirWords(message);
  const error = {
    message: hint === undefined ? sentence : `${sentence.replace(/\.$/, '')}. ${hint}`,
    type: types[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error'),
    param: isModel ? 'model' : typeof field === 'string' ? inTheirWords(field) : null,
    code: isModel ? 'model_not_found' : String(openai_code ?? codes[status] ?? code),
  };
  return { status, error, headers };
}

/** Columns of a run begin a sentence or name a field; a client knows what they were made of. */
function inTheirWords(text: string): string {
  return text
    .replace(/^client_tools\b/, 'tools')
    .replace(/^input_parts\[\d+\]/, 'content') // texts are counted in a content, and are no parts of a run
    .replace(/^idempotency_key\b/, 'Idempotency-Key');
}

/** Why there is no answer though the request was good: its run has ended without one. No client is to run it again by itself. */
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

/** What this API does not do, said of the parameter that asks for it. */
export function unsupported(param: string, message: string, hint: string): RequestRefusal {
  const detail = { field: param, openai_code: 'unsupported_parameter' };
  return new RequestRefusal(400, message, { hint, detail });
}

/** A request that is none, by the field it is about. */
export function invalid(param: string, message: string, hint?: string): RequestRefusal {
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
