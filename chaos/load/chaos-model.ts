import type { Json, JsonObject } from '../../src/json/json.ts';
import { type ModelFault, planModelFault } from '../faults/faults.ts';
import { finalModelAnswer } from './expected-output.ts';
import {
  type FakeAnswer,
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
  streamOf,
} from './openai-server.ts';
import { type PlannedCall, planConversation, type TeamName } from './plan.ts';
import { randomOf } from './random.ts';
import { findInputKey, isBrokenMember, memberKey, parseTeamName, teamKey } from './run-keys.ts';
import { TEAMS } from './teams.ts';

// A model whose answer is a pure function of the conversation, on a server whose faults follow from
// the seed. The last message with a key identifies the run. The system prompt names the member in
// runs of workflow members, and the workflow in decisions.

/** The model server, its counters, and its faults, which can be changed at any time. */
export type ChaosModel = {
  server: FakeServer;
  /** Number of requests by key, with those that failed. */
  requests: Map<string, number>;
  /** Number of injected faults by kind. */
  faults: Map<ModelFault, number>;
  /** Keys of requests that were repeated before the Retry-After of a 429. */
  earlyRetries: Set<string>;
  /** The kinds of fault to inject. */
  kinds: readonly ModelFault[];
  /** Share of turns with a fault. */
  probability: number;
};

type ChatMessage = {
  role: string;
  content: string;
  tool_calls?: { id: string }[];
  tool_call_id?: string;
};

const RETRY_AFTER_S = 1;

/** Starts the model server with these kinds of fault. */
export async function startChaosModel(
  seed: number,
  kinds: readonly ModelFault[],
): Promise<ChaosModel> {
  const requestCounts = new Map<string, number>();
  const notBefore = new Map<string, number>();
  const handler: FakeHandler = async ({ body }) => {
    const messages = body.messages as unknown as ChatMessage[];
    const conversation = readConversation(messages);
    const { key, turn } = conversation;
    const at = `${key} ${turn}`;
    const nth = requestCounts.get(at) ?? 0;
    requestCounts.set(at, nth + 1);
    model.requests.set(key, (model.requests.get(key) ?? 0) + 1);
    if (Date.now() < (notBefore.get(at) ?? 0)) {
      model.earlyRetries.add(key);
    }
    const answer = planAnswer(seed, conversation);
    const fault = planModelFault(seed, key, turn, nth, model.kinds, model.probability);
    if (fault) {
      model.faults.set(fault, (model.faults.get(fault) ?? 0) + 1);
    }
    if (fault === 'rate_limited') {
      notBefore.set(at, Date.now() + RETRY_AFTER_S * 1_000);
    }
    await new Promise((resolve) => setTimeout(resolve, planLatency(seed, key, turn)));
    return fault ? injectFault(fault, answer) : answer;
  };
  const model: ChaosModel = {
    server: await startOpenAiServer(handler, { keep: false }),
    requests: new Map(),
    faults: new Map(),
    earlyRetries: new Set(),
    kinds,
    probability: 0.12,
  };
  return model;
}

/** Returns the delay of an answer in milliseconds. One in ten is slow. */
function planLatency(seed: number, key: string, turn: number): number {
  const random = randomOf(seed, key, turn, 'latency');
  return random.chance(0.1) ? random.int(300, 1_500) : random.int(5, 80);
}

/**
 * The state of a conversation: the number of answers so far, and the results of their tool calls,
 * in the order of the calls.
 */
type Conversation = { key: string; turn: number; results: string[] };

/** Reads key, turn and results from the messages of a request. */
export function readConversation(messages: readonly ChatMessage[]): Conversation {
  const mission = messages.find(({ role }) => role === 'system')?.content ?? '';
  const [, kind, name = ''] = /(member|decider)=(\S+)/.exec(mission) ?? [];
  if (kind === 'decider') return readDecisions(messages, name as TeamName);
  const start = messages.findLastIndex(
    ({ role, content }) => role === 'user' && /key=\S/.test(content),
  );
  const inputKey = findInputKey(messages[start]?.content ?? '');
  const since = messages.slice(start + 1);
  const answers = since.filter(({ role }) => role === 'assistant');
  const results = answers
    .flatMap((answer) => answer.tool_calls ?? [])
    .map(({ id }) => since.find((message) => message.tool_call_id === id)?.content ?? '');
  return { key: kind ? memberKey(inputKey, name) : inputKey, turn: answers.length, results };
}

/**
 * Reads the conversation of a workflow's own model. Its first input is the task, and each further
 * one has the results of a decision.
 */
function readDecisions(messages: readonly ChatMessage[], team: TeamName): Conversation {
  const inputs = messages.filter(({ role }) => role === 'user').map(({ content }) => content);
  const inputKey = /key=(\S+)/.exec(inputs[0] ?? '')?.[1] ?? 'unknown';
  return { key: teamKey(inputKey, team), turn: inputs.length - 1, results: inputs.slice(1) };
}

/** Returns the answer without faults. */
function planAnswer(seed: number, { key, turn, results }: Conversation): FakeAnswer {
  const team = parseTeamName(key);
  const decisions = team && TEAMS[team].decisions;
  if (decisions) {
    const decision = decisions.argumentsOf(key, seed, turn, results.at(-1) ?? '');
    return { tool_calls: [{ name: decisions.tool, arguments: decision }] };
  }
  if (isBrokenMember(key)) {
    return { status: 400, error: { message: 'this member is broken' } };
  }
  const calls = planConversation(seed, key).turns[turn];
  return calls
    ? { tool_calls: calls.map((call, index) => ({ id: `c${turn}_${index}`, ...formatCall(call) })) }
    : { content: finalModelAnswer(seed, key, results) };
}

function formatCall({ tool, key }: PlannedCall): { name: string; arguments: JsonObject } {
  switch (tool) {
    case 'ask_user':
      return { name: tool, arguments: { question: `Which one? key=${key}` } };
    case 'helper':
      return { name: tool, arguments: { message: `Help with key=${key}` } };
    default:
      return { name: tool, arguments: { key } };
  }
}

const GARBAGE: Json = {
  choices: [{ delta: { tool_calls: 'none' } }],
  usage: { prompt_tokens: 'x' },
};

/** Returns what the server sends instead of the answer. */
function injectFault(fault: ModelFault, answer: FakeAnswer): FakeAnswer {
  const half = Math.floor(streamOf(answer).length / 2);
  switch (fault) {
    case 'rate_limited':
      return { status: 429, headers: { 'retry-after': String(RETRY_AFTER_S) } };
    case 'error_500':
      return { status: 500 };
    case 'error_503':
      return { status: 503 };
    case 'hang':
      return { stall: 'before_headers' };
    case 'half_stream':
      return { ...answer, cut: { after: half, how: 'reset' } };
    case 'ended_stream':
      return { ...answer, cut: { after: half, how: 'end' } };
    case 'stalled_stream':
      return { ...answer, stall: half };
    case 'garbage':
      return { raw: `data: ${JSON.stringify(GARBAGE)}\n\ndata: {"choices": [{"del\n\n` };
    case 'web_page':
      return { raw: '<html>Bad gateway</html>', headers: { 'content-type': 'text/html' } };
    case 'reset':
      return { reset: true };
  }
}
