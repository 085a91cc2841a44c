import type {
  ModelAnswer,
  ModelCallContext,
  ModelProvider,
  ModelPurpose,
  ModelRef,
  ToolSchema,
} from '../../contracts/agents/model.ts';
import {
  type EndedModelTest,
  type ModelTestAnswer,
  type ModelTestError,
  modelTestMs,
  type TestedModel,
} from '../../contracts/agents/model-test.ts';
import type { Usage } from '../../contracts/agents/usage.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Message } from '../../contracts/runs/message.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { createTone, TONE_SECONDS } from './tone.ts';

/**
 * Calls a model once or twice with a tiny request for its purpose. Never throws: a model that fails
 * is a result. `seconds` is the duration of the calls.
 */
export async function testModel(
  found: Outcome<ModelProvider>,
  tested: TestedModel,
  { signal, ...context }: ModelCallContext,
  ms = modelTestMs(tested.purpose),
): Promise<EndedModelTest> {
  const began = performance.now();
  const timeout = AbortSignal.timeout(ms);
  const timed = { ...context, signal: AbortSignal.any([signal, timeout]) };
  const outcome = found.ok ? await TESTS[tested.purpose](found.value, tested, timed) : found;
  const seconds = Math.round(performance.now() - began) / 1000;
  if (outcome.ok) return { result: { ok: true, answer: outcome.value }, seconds };
  const isLate = timeout.aborted && !signal.aborted;
  const error = isLate ? lateAnswer(tested.model, ms) : outcome.error;
  return { result: { ok: false, error: testErrorOf(error, tested) }, seconds };
}

type Test = (
  provider: ModelProvider,
  tested: TestedModel,
  context: ModelCallContext,
) => Promise<Outcome<ModelTestAnswer>>;

const TESTS: Readonly<Record<ModelPurpose, Test>> = {
  llm: testAnswer,
  embedding: testEmbedding,
  tts: testSpeech,
  stt: testTranscription,
  image: testImage,
  rerank: testRerank,
  classifier: refuseTest,
};

const ORDER_STATUS: ToolSchema = {
  name: 'order_status',
  description: 'Returns the status of an order.',
  parameters: {
    type: 'object',
    properties: { order_id: { type: 'string', description: 'The order number, such as A-1001' } },
    required: ['order_id'],
  },
};

/** Asks for one word. Then asks for a tool call, unless the capabilities say `tools: false`. */
async function testAnswer(
  provider: ModelProvider,
  { model, capabilities }: TestedModel,
  context: ModelCallContext,
): Promise<Outcome<ModelTestAnswer>> {
  const messages: Message[] = [{ role: 'user', content: 'Answer with one word: ready.' }];
  const request = { model, output_schema: null };
  const first = await provider.generate({ ...request, messages, tools: [] }, context);
  if (!first.ok) return first;
  const answer = describeAnswer(first.value);
  if (capabilities.tools === false) return { ok: true, value: answer };
  const content = first.value.content || 'ready';
  messages.push({ role: 'assistant', content });
  messages.push({
    role: 'user',
    content: 'What is the status of order A-1001? Call the tool order_status.',
  });
  const second = await provider.generate({ ...request, messages, tools: [ORDER_STATUS] }, context);
  if (!second.ok) return second;
  const isCalled = second.value.tool_calls.some(({ name }) => name === ORDER_STATUS.name);
  if (!isCalled) return withoutCall(model, second.value);
  const warnings = [...(answer.warnings ?? []), ...(second.value.warnings ?? [])];
  const usage = addUsage(first.value.usage, second.value.usage);
  return {
    ok: true,
    value: { ...answer, tool_call: true, usage, ...(warnings.length > 0 && { warnings }) },
  };
}

function describeAnswer({ content, usage, warnings }: ModelAnswer): ModelTestAnswer {
  return { answer: content ?? '', usage, ...(warnings && { warnings }) };
}

function addUsage(a: Usage, b: Usage): Usage {
  const { estimated, ...counts } = b;
  const sum: Usage = { ...a, ...(estimated && { estimated }) };
  for (const [name, tokens = 0] of Object.entries(counts) as [keyof typeof counts, number?][]) {
    sum[name] = (sum[name] ?? 0) + tokens;
  }
  return sum;
}

async function testEmbedding(
  provider: ModelProvider,
  { model }: TestedModel,
  context: ModelCallContext,
): Promise<Outcome<ModelTestAnswer>> {
  if (!provider.embed) return unable(provider, 'embeddings');
  const texts = ['Where is my order?', 'The parcel was delivered.'];
  const outcome = await provider.embed({ model, texts }, context);
  if (!outcome.ok) return outcome;
  const { vectors, usage } = outcome.value;
  return { ok: true, value: { vector_length: vectors[0]?.length ?? 0, usage } };
}

async function testSpeech(
  provider: ModelProvider,
  { model }: TestedModel,
  context: ModelCallContext,
): Promise<Outcome<ModelTestAnswer>> {
  if (!provider.synthesizeSpeech) return unable(provider, 'speech');
  const text = 'Hello.';
  const outcome = await provider.synthesizeSpeech({ model, text }, context);
  if (!outcome.ok) return outcome;
  const { audio, media_type, warnings } = outcome.value;
  const units = { character: text.length, request: 1 };
  return {
    ok: true,
    value: { audio_bytes: audio.byteLength, media_type, units, ...(warnings && { warnings }) },
  };
}

async function testTranscription(
  provider: ModelProvider,
  { model }: TestedModel,
  context: ModelCallContext,
): Promise<Outcome<ModelTestAnswer>> {
  if (!provider.transcribe) return unable(provider, 'transcriptions');
  const recording = { audio: createTone(), media_type: 'audio/wav' };
  const outcome = await provider.transcribe({ model, ...recording }, context);
  if (!outcome.ok) return outcome;
  const { text, seconds = TONE_SECONDS, warnings } = outcome.value;
  const units = { minute: seconds / 60, request: 1 };
  return { ok: true, value: { text, units, ...(warnings && { warnings }) } };
}

async function testImage(
  provider: ModelProvider,
  { model }: TestedModel,
  context: ModelCallContext,
): Promise<Outcome<ModelTestAnswer>> {
  if (!provider.generateImage) return unable(provider, 'images');
  const prompt = 'A small blue square on a white background.';
  const outcome = await provider.generateImage({ model, prompt }, context);
  if (!outcome.ok) return outcome;
  const { image, ...described } = outcome.value;
  const units = { image: 1, request: 1 };
  return { ok: true, value: { image_bytes: image.byteLength, ...described, units } };
}

/** Ranks two documents, of which the second one answers the query. */
async function testRerank(
  provider: ModelProvider,
  { model }: TestedModel,
  context: ModelCallContext,
): Promise<Outcome<ModelTestAnswer>> {
  if (!provider.rerank) return unable(provider, 'rankings of documents');
  const documents = ['Bananas are yellow.', 'Your order was delivered on Monday.'];
  const query = 'Where is my order?';
  const outcome = await provider.rerank({ model, query, documents }, context);
  if (!outcome.ok) return outcome;
  const { documents: ranked, ...others } = outcome.value;
  const ranking = ranked.map(({ index, score }) => ({ document: documents[index] ?? '', score }));
  return { ok: true, value: { ranking, ...others, units: { request: 1 } } };
}

async function refuseTest(_: ModelProvider, { purpose }: TestedModel): Promise<Outcome<never>> {
  return failure(
    'invalid_request',
    `Models with purpose ${purpose} cannot be tested; all other purposes can.`,
  );
}

function unable({ name }: ModelProvider, what: string): Outcome<never> {
  return failure('invalid_request', `The provider ${name} makes no ${what}.`);
}

/** Describes an answer in words alone, of which it shows the beginning. */
function withoutCall({ model }: ModelRef, { content }: ModelAnswer): Outcome<never> {
  const answer = JSON.stringify(firstCharacters(content ?? '', SHOWN_CHARACTERS));
  const message = `The model ${model} answered ${answer}, but did not call the tool ${ORDER_STATUS.name}, as it was asked to.`;
  return failure('bad_answer', message);
}

const SHOWN_CHARACTERS = 200;

function failure(code: RunError['code'], message: string): Outcome<never> {
  return { ok: false, error: { code, message, retryable: false } };
}

function lateAnswer({ name }: ModelRef, ms: number): RunError {
  const message = `The model ${name} did not answer within ${ms / 1000} seconds.`;
  return { code: 'timeout', message, retryable: true };
}

function testErrorOf({ code, message }: RunError, { purpose }: TestedModel): ModelTestError {
  const isCall = code === 'bad_answer' && purpose === 'llm';
  return { code, message, hint: (isCall && CALL_HINT) || HINTS[code] || OTHER_HINT };
}

const OTHER_HINT = 'Check provider, model and base_url of the model.';
const CALL_HINT =
  'Check base_url. If the model cannot call tools, set its capabilities to {"tools": false}.';
const HINTS: Partial<Record<RunError['code'], string>> = {
  unauthorized: 'Check the API key: the secret that secret_name names, or the environment.',
  not_found: 'Check the id in model, and base_url.',
  unreachable: 'Check base_url, and that the server is running.',
  timeout: 'Test the model again. A local server may load a model first.',
  rate_limited: 'Test the model again later, or raise the limit at the vendor.',
  overloaded: 'Test the model again later.',
  script_mismatch: 'Change request_params.script of the model.',
};
