import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Embeddings,
  EmbedRequest,
  ImageRequest,
  ModelAnswer,
  ModelCallContext,
  ModelProvider,
  ModelRequest,
  RerankRequest,
  SpeechRequest,
  TranscriptionRequest,
} from '../contracts/agents/model.ts';
import type { Failure, Outcome } from '../contracts/errors.ts';
import { cloneJson } from '../json/clone-json.ts';
import { firstCharacters } from '../text/truncate.ts';
import { estimateTokens, estimateUsage, streamText } from './answers/tokens.ts';
import { codeOfStatus, createCancellation, createFailure } from './failure.ts';
import { imageIn, rankingBy, speechIn, transcriptIn } from './scripted/media.ts';
import { parseScript, type ScriptStep, type Slot, slotAt } from './scripted/script.ts';

export type { ScriptStep } from './scripted/script.ts';

type MediaRequest =
  | EmbedRequest
  | SpeechRequest
  | TranscriptionRequest
  | ImageRequest
  | RerankRequest;

/** A scripted model for tests, with all requests that it received. */
export type ScriptedModel = {
  provider: ModelProvider;
  calls: ModelRequest[];
  embeds: EmbedRequest[];
};

/**
 * Creates the public test double. It answers from `model.request_params.script`, one step per model
 * answer. A call that the script does not expect fails with `script_mismatch`. The step is found by
 * the number of assistant messages in the request, so it survives workers that are killed.
 */
export function scriptedProvider(): ModelProvider {
  return providerWith(() => {});
}

/**
 * Creates a scripted provider that records its calls. `script` is used for a model row without a
 * script.
 */
export function createScriptedProvider(script?: ScriptStep[]): ScriptedModel {
  const calls: ModelRequest[] = [];
  const embeds: EmbedRequest[] = [];
  const provider = providerWith((request) => {
    const one = cloneJson(request);
    if ('texts' in one) embeds.push(one);
    else calls.push(one);
  }, script);
  return { provider, calls, embeds };
}

function providerWith(
  record: (call: ModelRequest | EmbedRequest) => void,
  script?: ScriptStep[],
): ModelProvider {
  const failures = new Map<string, number>();
  // No answer precedes a request without messages, so the first step serves all of them
  const playFirst = async <T>(
    request: MediaRequest,
    context: ModelCallContext,
    answer: (step: ScriptStep | null) => Outcome<T>,
  ): Promise<Outcome<T>> => {
    if (context.signal.aborted) return createCancellation();
    if ('texts' in request) record(request);
    const parsed = parseScript(request.model.request_params.script ?? script);
    if (!parsed.ok) return parsed;
    const slot = slotAt(parsed.value, 0);
    const step = passingError(slot, request, failures) ?? slot.step;
    if (!(await waitFor(step?.delay_ms, context.signal))) return createCancellation();
    return step?.error ? scriptedError(step.error) : answer(step);
  };
  return {
    name: 'scripted',
    async generate(request, context) {
      if (context.signal.aborted) return createCancellation();
      record(request);
      const parsed = parseScript(request.model.request_params.script ?? script);
      if (!parsed.ok) return parsed;
      const slot = slotAt(parsed.value, answersIn(request));
      const step = passingError(slot, request, failures) ?? slot.step;
      if (step === null) return scriptOver(request, parsed.value.length);
      return mismatch(step, slot.number, request) ?? playStep(step, request, context);
    },
    embed: (request, context) =>
      playFirst(request, context, (step) => vectorsBy(step, request.texts)),
    synthesizeSpeech: (request, context) => playFirst(request, context, speechIn),
    transcribe: (request, context) => playFirst(request, context, transcriptIn),
    generateImage: (request, context) => playFirst(request, context, imageIn),
    rerank: (request, context) => playFirst(request, context, (step) => rankingBy(step, request)),
  };
}

const answersIn = (request: ModelRequest): number =>
  request.messages.filter((message) => message.role === 'assistant').length;

/**
 * Returns the next of the `{error, times}` steps before the slot, while attempts of this exact
 * request remain. Attempts are counted only in this process. The count is deleted once the request
 * gets its answer.
 */
function passingError(
  { passing }: Slot,
  request: ModelRequest | MediaRequest,
  failures: Map<string, number>,
): ScriptStep | null {
  if (passing.length === 0) return null;
  const key = createHash('sha256').update(JSON.stringify(request)).digest('base64');
  const seen = failures.get(key) ?? 0;
  let until = 0;
  for (const step of passing) {
    until += step.times ?? 1;
    if (seen >= until) continue;
    failures.set(key, seen + 1);
    return step;
  }
  failures.delete(key);
  return null;
}

async function playStep(
  step: ScriptStep,
  request: ModelRequest,
  context: ModelCallContext,
): Promise<Outcome<ModelAnswer>> {
  if (!(await waitFor(step.delay_ms, context.signal))) return createCancellation();
  if (step.error !== undefined) return scriptedError(step.error);
  const answer = answerOf(step, request);
  const isComplete = streamText(context, answer.content ?? '');
  return isComplete ? { ok: true, value: answer } : createCancellation();
}

async function waitFor(ms: number | undefined, signal: AbortSignal): Promise<boolean> {
  if (ms === undefined) return true;
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

function scriptedError(error: NonNullable<ScriptStep['error']>): Failure {
  const code = error.code ?? codeOfStatus(error.status ?? 500);
  const cause = error.status === undefined ? undefined : { status: error.status };
  const message = error.message ?? `The scripted model failed with ${error.status ?? code}.`;
  return createFailure(code, message, { retry_after_ms: error.retry_after_ms, cause });
}

function answerOf(step: ScriptStep, request: ModelRequest): ModelAnswer {
  const round = answersIn(request) + 1;
  const tool_calls = (step.tool_calls ?? []).map(({ id, name, arguments: args, ...rest }, at) => ({
    ...withoutUndefined(rest),
    id: id ?? `call_${round}_${at + 1}`,
    name,
    arguments: typeof args === 'string' ? args : JSON.stringify(args ?? {}),
  }));
  const content = step.content ?? null;
  return {
    content,
    tool_calls,
    finish_reason: step.finish_reason ?? (tool_calls.length > 0 ? 'tool_calls' : 'stop'),
    usage: { ...estimateUsage(request, { content, tool_calls }), ...withoutUndefined(step.usage) },
    ...(step.parts
      ? { parts: step.parts.map(withoutUndefined) as NonNullable<ModelAnswer['parts']> }
      : {}),
  };
}

function withoutUndefined<T extends object>(fields: T | undefined): Defined<T> {
  const known = Object.entries(fields ?? {}).filter(([, value]) => value !== undefined);
  return Object.fromEntries(known) as Defined<T>;
}

type Defined<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

/** Returns for each text the vector of the first key that the text contains. */
function vectorsBy(step: ScriptStep | null, texts: string[]): Outcome<Embeddings> {
  const known = Object.entries(step?.vectors ?? {});
  const vectors: number[][] = [];
  for (const text of texts) {
    const found = known.find(([key]) => text.includes(key));
    if (!found) {
      const keys = known.map(([key]) => key).join(', ') || '(none)';
      const message = `The script has no vector for "${firstCharacters(text, 200)}"; its vectors: ${keys}.`;
      return createFailure('script_mismatch', message);
    }
    vectors.push(found[1]);
  }
  const tokens_in = step?.usage?.tokens_in ?? estimateTokens(texts.join(''));
  return { ok: true, value: { vectors, usage: { tokens_in, tokens_out: 0 } } };
}

function scriptOver(request: ModelRequest, steps: number): Failure {
  const message =
    `The script has ${steps} step(s), but the run requested answer ${answersIn(request) + 1}; ` +
    `the last message was ${lastMessage(request)}. Add a step.`;
  return createFailure('script_mismatch', message);
}

const NOT_FOR_CONVERSATIONS = ['vectors', 'speech', 'transcript', 'image', 'scores'] as const;

/** Returns a failure with the expectations of a step that the request does not meet, or null. */
function mismatch(step: ScriptStep, number: number, request: ModelRequest): Failure | null {
  const { last_role, last_content_contains: text, tools = [] } = step.expect ?? {};
  const other = NOT_FOR_CONVERSATIONS.find((field) => step[field] != null);
  if (other !== undefined) {
    const message = `Step ${number} of the script has "${other}"; what came was a conversation.`;
    return createFailure('script_mismatch', message);
  }
  const last = request.messages.at(-1);
  const offered = request.tools.map((tool) => tool.name);
  const absent = tools.filter((name) => !offered.includes(name));
  const expected = [
    ...(last_role !== undefined && last?.role !== last_role
      ? [`the last message to have the role ${last_role}`]
      : []),
    ...(text !== undefined && !(last?.content ?? '').includes(text)
      ? [`the last message to contain "${text}"`]
      : []),
    ...(absent.length > 0 ? [`the tools ${absent.join(', ')} to be offered`] : []),
  ];
  if (expected.length === 0) return null;
  const came = `${lastMessage(request)} and the tools ${offered.join(', ') || '(none)'}`;
  return createFailure(
    'script_mismatch',
    `Step ${number} of the script expected ${expected.join(' and ')}, but it was ${came}.`,
    { cause: { step: number, expected } },
  );
}

function lastMessage(request: ModelRequest): string {
  const last = request.messages.at(-1);
  return last === undefined
    ? 'none'
    : `${last.role}: "${firstCharacters(last.content ?? '', 200)}"`;
}
