import type { Json, JsonObject } from '../../src/json/json.ts';
import { lastWords } from './expected-output.ts';
import { type ModelFault, planModelFault } from '../faults/faults.ts';
import { findInputKey, isBroken, memberKey, teamKey, parseTeamName } from './run-keys.ts';
import {
  type FakeAnswer,
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
  streamOf,
} from './openai-server.ts';
import { planConversation, type PlannedCall, type TeamName } from './plan.ts';
import { randomOf } from './random.ts';
import { TEAMS } from './teams.ts';

// A model that always says the same to the same conversation, on a server that misbehaves as the seed says. Who it plays
// stands in the last message with a key, and in the mission of who is a member of a workflow.

export type ChaosModel = {
  server: FakeServer;
  /** Requests that came for a key, faulty ones included. */
  requests: Map<string, number>;
  /** What was done instead of answering. */
  faults: Map<ModelFault, number>;
  /** Keys that came back before the time a 429 had told. */
  early: Set<string>;
  /** Which faults it has; none while everything shall settle. */
  kinds: readonly ModelFault[];
  /** Of turns, that have any. */
  probability: number;
};

type ChatMessage = {
  role: string;
  content: string;
  tool_calls?: { id: string }[];
  tool_call_id?: string;
};

const RETRY_AFTER_S = 1;

export async function startChaosModel(
  seed: number,
  kinds: readonly ModelFault[],
): Promise<ChaosModel> {
  const requestCounts = new Map<string, number>();
  const notBefore = new Map<string, number>();
  const answer: FakeHandler = async ({ body }) => {
    const messages = body.messages as unknown as ChatMessage[];
    const conversation = readConversation(messages);
    const { key, turn } = conversation;
    const at = `${key} ${turn}`;
    const nth = requestCounts.get(at) ?? 0;
    requestCounts.set(at, nth + 1);
    model.requests.set(key, (model.requests.get(key) ?? 0) + 1);
    if (Date.now() < (notBefore.get(at) ?? 0)) {
      model.early.add(key);
    }
    const right = rightAnswer(seed, conversation);
    const fault = planModelFault(seed, key, turn, nth, model.kinds, model.probability);
    if (fault) {
      model.faults.set(fault, (model.faults.get(fault) ?? 0) + 1);
    }
    if (fault === 'rate_limited') {
      notBefore.set(at, Date.now() + RETRY_AFTER_S * 1_000);
    }
    await new Promise((resolve) => setTimeout(resolve, latency(seed, key, turn)));
    return fault ? wrongAnswer(fault, right) : right;
  };
  const model: ChaosModel = {
    server: await startOpenAiServer(answer, { keep: false }),
    requests: new Map(),
    faults: new Map(),
    early: new Set(),
    kinds,
    probability: 0.12,
  };
  return model;
}

function latency(seed: number, key: string, turn: number): number {
  const random = randomOf(seed, key, turn, 'latency');
  return random.chance(0.1) ? random.int(300, 1_500) : random.int(5, 80);
}

type Conversation = { key: string; turn: number; results: string[] };

/** Whose conversation it is, how many answers it has, and what its calls gave, in the order they were asked for. */
export function readConversation(messages: readonly ChatMessage[]): Conversation {
  const mission = messages.find(({ role }) => role === 'system')?.content ?? '';
  const [, kind, name = ''] = /(member|decider)=(\S+)/.exec(mission) ?? [];
  if (kind === 'decider') return readDecisions(messages, name as TeamName);
  const begin = messages.findLastIndex(
    ({ role, content }) => role === 'user' && /key=\S/.test(content),
  );
  const inputKey = findInputKey(messages[begin]?.content ?? '');
  const since = messages.slice(begin + 1);
  const answers = since.filter(({ role }) => role === 'assistant');
  const results = answers
    .flatMap((answer) => answer.tool_calls ?? [])
    .map(({ id }) => since.find((message) => message.tool_call_id === id)?.content ?? '');
  return { key: kind ? memberKey(inputKey, name) : inputKey, turn: answers.length, results };
}

/** A deciding model is told the task first, and after each decision what came of it. */
function readDecisions(messages: readonly ChatMessage[], team: TeamName): Conversation {
  const inputs = messages.filter(({ role }) => role === 'user').map(({ content }) => content);
  const inputKey = /key=(\S+)/.exec(inputs[0] ?? '')?.[1] ?? 'unknown';
  return { key: teamKey(inputKey, team), turn: inputs.length - 1, results: inputs.slice(1) };
}

function rightAnswer(seed: number, { key, turn, results }: Conversation): FakeAnswer {
  const team = parseTeamName(key);
  const decides = team && TEAMS[team].decides;
  if (decides) {
    const decision = decides.say(key, seed, turn, results.at(-1) ?? '');
    return { tool_calls: [{ name: decides.tool, arguments: decision }] };
  }
  if (isBroken(key)) {
    return { status: 400, error: { message: 'this member is broken' } };
  }
  const calls = planConversation(seed, key).turns[turn];
  return calls
    ? { tool_calls: calls.map((call, index) => ({ id: `c${turn}_${index}`, ...wireCall(call) })) }
    : { content: lastWords(seed, key, results) };
}

function wireCall({ tool, key }: PlannedCall): { name: string; arguments: JsonObject } {
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

function wrongAnswer(fault: ModelFault, right: FakeAnswer): FakeAnswer {
  const half = Math.floor(streamOf(right).length / 2);
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
      return { ...right, cut: { after: half, how: 'reset' } };
    case 'ended_stream':
      return { ...right, cut: { after: half, how: 'end' } };
    case 'stalled_stream':
      return { ...right, stall: half };
    case 'garbage':
      return { raw: `data: ${JSON.stringify(GARBAGE)}\n\ndata: {"choices": [{"del\n\n` };
    case 'web_page':
      return { raw: '<html>Bad gateway</html>', headers: { 'content-type': 'text/html' } };
    case 'reset':
      return { reset: true };
  }
}
