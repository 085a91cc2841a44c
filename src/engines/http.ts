import { ENGINE_PREFIX } from '../contracts/agents/engine.ts';
import type {
  ModelAnswer,
  ModelCallContext,
  ModelProvider,
  ModelRequest,
} from '../contracts/agents/model.ts';
import type { Failure, Outcome } from '../contracts/errors.ts';
import type { EngineRun } from '../contracts/runs/run-context.ts';
import { isJsonObject, type Json } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';
import { EXECUTION_HEADER } from '../network/execution-header.ts';
import { retryAfterMs } from '../network/retry-after.ts';
import { emitToken } from '../providers/answers/tokens.ts';
import { codeOfStatus, createCancellation, createFailure } from '../providers/failure.ts';
import { redactAnswer } from '../providers/http/answer-redaction.ts';
import { redact } from '../providers/http/redact.ts';
import { Redaction } from '../redaction/redaction.ts';
import { firstCharacters } from '../text/truncate.ts';
import type { Egress, EgressAnswer, EgressRequest } from '../tools/egress.ts';
import { readHeaders } from '../tools/http-request/headers.ts';
import { messagesFromEngine, toModelAnswer } from './answer.ts';
import { sendable } from './sendable-error.ts';

const EXCERPT_CHARACTERS = 400;

/**
 * Creates the provider of agents behind a URL. The agent receives a POST of `{execution_id,
 * session_id, root_execution_id, agent_id, input, messages, metadata}` with an `Idempotency-Key`,
 * and answers `{output, usage?: {tokens_in, tokens_out}}`. The provider never retries, because the
 * runtime does.
 */
export function httpEngine(egress: Egress): ModelProvider {
  return {
    name: `${ENGINE_PREFIX}http`,
    async generate(request, context) {
      if (context.signal.aborted) return createCancellation();
      const sent = requestOf(request, context);
      if (!sent.ok) return sent;
      const answer = await egress.send(sent.value);
      if (context.signal.aborted) return createCancellation();
      if (!answer.ok) return { ok: false, error: sendable(answer.error) };
      const outcome = read(answer.value, request, context.key ?? null);
      if (outcome.ok) emitToken(context, outcome.value.content ?? '');
      return outcome;
    },
  };
}

function requestOf(
  { model, messages, output_schema }: ModelRequest,
  { run, key, signal, traceparent }: ModelCallContext,
): Outcome<EgressRequest> {
  const own = readHeaders(model.request_params.headers, 'engine_configuration.headers');
  if (!own.ok) return { ok: false, error: { ...own.error, code: 'invalid_request' } };
  if (key !== undefined && !/^[\x21-\x7e]+$/.test(key.trim())) {
    return createFailure(
      'unauthorized',
      `The secret ${model.secret_name} contains characters that are not allowed in a key.`,
    );
  }
  const headers = new Headers({ 'user-agent': 'howdah', accept: 'application/json' });
  if (traceparent) headers.set('traceparent', traceparent);
  for (const [name, value] of own.value) headers.set(name, value);
  headers.set('content-type', 'application/json');
  if (run) headers.set('idempotency-key', run.idempotency_key);
  if (run) headers.set(EXECUTION_HEADER, run.execution_id);
  if (key !== undefined) headers.set('authorization', `Bearer ${key.trim()}`);
  const body = JSON.stringify({
    ...(run ? runFields(run) : {}),
    messages: messagesFromEngine(messages),
    ...(output_schema ? { output_schema } : {}),
  });
  const url = model.base_url ?? '';
  return { ok: true, value: { url, method: 'POST', headers, body, signal, redirect: 'manual' } };
}

function runFields(run: EngineRun): { [field: string]: Json } {
  const { execution_id, session_id, root_execution_id, agent_id, input, metadata } = run;
  return { execution_id, session_id, root_execution_id, agent_id, input, metadata };
}

function read(
  { url, status, headers, body }: EgressAnswer<Buffer>,
  request: ModelRequest,
  key: string | null,
): Outcome<ModelAnswer> {
  const { host } = new URL(url);
  const text = body.toString('utf8');
  if (status < 200 || status > 299) return refusal(status, headers, text, host, key);
  const answer = toModelAnswer(objectIn(text), request);
  return answer
    ? { ok: true, value: redactAnswer(answer, Redaction.of(key === null ? [] : [key])) }
    : createFailure('bad_answer', `The answer of ${host} is not a JSON object with an output.`, {
        cause: { status, body: firstCharacters(redact(text, key), EXCERPT_CHARACTERS) },
      });
}

function refusal(
  status: number,
  headers: Headers,
  text: string,
  host: string,
  key: string | null,
): Failure {
  const excerpt = firstCharacters(redact(text, key), EXCERPT_CHARACTERS);
  return createFailure(codeOfStatus(status), `${host} answered with status ${status}.`, {
    retry_after_ms: retryAfterMs(headers),
    cause: { status, ...(excerpt ? { body: excerpt } : {}) },
  });
}

function objectIn(text: string): Json {
  try {
    const value: Json = parseJson(text);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}
