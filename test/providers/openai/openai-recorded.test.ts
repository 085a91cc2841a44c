import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type FakeAnswer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import { isJsonObject, type JsonObject } from '../../../src/json/json.ts';
import { openaiProvider } from '../../../src/providers/openai.ts';
import { answerOf, errorOf, modelRequest, unabortedSignal } from '../requests.ts';

/**
 * Folder with `recorded-llm-http` and `recorded-llm-streams`: answers of real servers, stored
 * outside of this repository.
 */
const assets = process.env.HOWDAH_TEST_ASSETS ?? '';
const streams = join(assets, 'recorded-llm-streams');
const cassettes = join(assets, 'recorded-llm-http', 'cassettes.jsonl');
if (assets === '') console.log('recorded model answers: skipped, HOWDAH_TEST_ASSETS is not set');

type Recorded = { name: string; answer: FakeAnswer; status: number; payloads: JsonObject[] };

const JSON_TYPE = { 'content-type': 'application/json' };

function recordedWhole(name: string, body: unknown, status = 200): Recorded {
  const answer = { status, headers: JSON_TYPE, raw: JSON.stringify(body) };
  return { name, answer, status, payloads: isJsonObject(body) ? [body] : [] };
}

function recordedStream(name: string, raw: string): Recorded {
  const lines = raw.split(/\r?\n/).filter((line) => /^data: ?\{/.test(line));
  const payloads = lines.map((line) => parseLine(line.slice(5)));
  return { name, answer: { raw }, status: 200, payloads };
}

/** Parses a recorded line. A broken line counts as an empty object. */
function parseLine(text: string): JsonObject {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/**
 * Returns the recorded files in OpenAI's chat format. The provider does not support other formats.
 */
function files(): Recorded[] {
  if (!existsSync(streams)) return [];
  const names = readdirSync(streams, { recursive: true, encoding: 'utf8' });
  return names.flatMap((name) => {
    const path = join(streams, name);
    if (name.endsWith('.sse')) return [recordedStream(name, readFileSync(path, 'utf8'))];
    if (name.endsWith('.chunks.txt')) {
      const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
      return [recordedStream(name, lines.map((line) => `data: ${line}\n\n`).join(''))];
    }
    return name.endsWith('.json')
      ? [recordedWhole(name, JSON.parse(readFileSync(path, 'utf8')))]
      : [];
  });
}

function cassetteAnswers(): Recorded[] {
  if (!existsSync(cassettes)) return [];
  const lines = readFileSync(cassettes, 'utf8').split('\n').filter(Boolean);
  return lines.flatMap((line) => {
    const { id, interactions } = JSON.parse(line);
    return interactions
      .filter(({ path }: { path: string }) => path.includes('chat/completions'))
      .map((one: { status: number; response?: unknown; response_text?: string }, at: number) => {
        const name = `${id}/${at}`;
        if (one.response_text !== undefined) return recordedStream(name, one.response_text);
        return recordedWhole(name, one.response, one.status);
      });
  });
}

const choiceOf = (payload: JsonObject): JsonObject => {
  const choice = Array.isArray(payload.choices) ? payload.choices[0] : undefined;
  return isJsonObject(choice) ? choice : {};
};
const isChat = ({ payloads }: Recorded) =>
  payloads.some((one) => ['message', 'delta'].some((key) => isJsonObject(choiceOf(one)[key])));

async function replay(recorded: Recorded) {
  const server = await startOpenAiServer([recorded.answer]);
  try {
    const provider = openaiProvider({ env: { baseUrl: server.url } });
    return await provider.generate(modelRequest('Hi'), { signal: unabortedSignal() });
  } finally {
    await server.close();
  }
}

const all = [...files(), ...cassetteAnswers()];
const chats = all.filter((one) => one.status === 200 && isChat(one));
const refusals = all.filter((one) => one.status !== 200);
const others = all.filter((one) => one.status === 200 && !isChat(one));

const ERRORS = ['bad_answer', 'invalid_request', 'overloaded', 'rate_limited'];

/** Returns the usage that the last payload with one reports, counted as the vendor bills it. */
function usageIn(payloads: readonly JsonObject[]): object {
  const usage = payloads.map((one) => one.usage).findLast(isJsonObject);
  if (usage === undefined) return { estimated: true };
  const { prompt_tokens: tokens_in, completion_tokens, total_tokens } = usage;
  const isTotal = typeof total_tokens === 'number' && typeof tokens_in === 'number';
  return { tokens_in, tokens_out: isTotal ? total_tokens - tokens_in : completion_tokens };
}

describe.skipIf(assets === '')('recorded answers of real servers', () => {
  test('exist', () => {
    expect(chats.length).toBeGreaterThan(100);
    expect(refusals.length).toBeGreaterThan(3);
    console.log(
      `recorded: ${chats.length} answers, ${refusals.length} refusals, ${others.length} in other formats`,
    );
  });

  test.each(chats.map((one) => [one.name, one] as const))('%s', async (_, recorded) => {
    const finished = recorded.payloads.some(
      (one) => typeof choiceOf(one).finish_reason === 'string',
    );
    const outcome = await replay(recorded);
    if (!finished || recorded.payloads.some((one) => one.error)) {
      const reported = recorded.payloads.some((one) => one.error);
      expect(reported ? ERRORS : ['bad_answer']).toContain(errorOf(outcome).code);
      return;
    }
    const answer = answerOf(outcome);
    const pieces = recorded.payloads.map((one) => choiceOf(one).message ?? choiceOf(one).delta);
    const known = pieces.filter(isJsonObject);
    const texts = known.map(({ content }) => (typeof content === 'string' ? content : ''));
    if (!known.some(({ content, refusal }) => Array.isArray(content) || refusal)) {
      const text = texts.join('').replace(/^\s*<think>[\s\S]*?<\/think>\s*/, '');
      expect(answer.content ?? '').toBe(text);
    }
    const names = known.flatMap(({ tool_calls }) =>
      (Array.isArray(tool_calls) ? tool_calls : []).flatMap((call) =>
        isJsonObject(call) && isJsonObject(call.function) && call.function.name
          ? [call.function.name]
          : [],
      ),
    );
    expect(answer.tool_calls.map((call) => call.name)).toEqual(names);
    for (const call of answer.tool_calls) expect(JSON.parse(call.arguments)).toBeTypeOf('object');
    expect(answer.usage).toMatchObject(usageIn(recorded.payloads));
  });

  test.each(refusals.map((one) => [one.name, one] as const))('%s', async (_, recorded) => {
    const error = errorOf(await replay(recorded));
    expect([
      'invalid_request',
      'not_found',
      'rate_limited',
      'context_too_long',
      'content_filtered',
      'bad_answer',
    ]).toContain(error.code);
    expect(error.retryable).toBe(recorded.status === 429 || error.code === 'bad_answer');
  });

  test.each(others.map((one) => [one.name, one] as const))(
    '%s is not a chat answer',
    async (_, recorded) => {
      const { code, retryable } = errorOf(await replay(recorded));
      expect(retryable).toBe(code === 'bad_answer' || code === 'rate_limited');
    },
  );
});
