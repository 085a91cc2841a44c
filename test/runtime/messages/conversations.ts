import type { LoggedMessage, Message, ToolCall } from '../../../src/contracts/runs/message.ts';

export const user = (content: string): Message => ({ role: 'user', content });
export const answer = (content: string): Message => ({ role: 'assistant', content });
export const call = (id: string, name = 'look', args = '{}'): ToolCall => ({
  id,
  name,
  arguments: args,
});
export const callMessage = (...calls: (string | ToolCall)[]): Message => ({
  role: 'assistant',
  content: null,
  tool_calls: calls.map((one) => (typeof one === 'string' ? call(one) : one)),
});
export const result = (id: string, content = `result of ${id}`): Message => ({
  role: 'tool',
  content,
  tool_call_id: id,
});

/** Numbers messages as the log of a run does. */
export function numberMessages(...messages: Message[]): LoggedMessage[] {
  return messages.map((message, at) => ({ ...message, seq: at + 1 }));
}

export function summary(seq: number, from: number, to: number, content = `summary ${seq}`) {
  const covers = { covers_from_seq: from, covers_to_seq: to };
  return { role: 'user', content, seq, ...covers } satisfies LoggedMessage;
}

export type Random = (below: number) => number;

/** Returns a generator of numbers that is repeatable by its seed. */
export function createRandom(seed: number): Random {
  let a = seed;
  return (below) => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

/**
 * Generates a run as it may be in the log: results in any order, messages of people between call
 * and result, calls without results, results of unknown calls, and summaries over any range.
 */
export function generateRun(random: Random, rounds: number, longest = 400): LoggedMessage[] {
  const messages: LoggedMessage[] = [user('The task.')];
  for (let round = 0; round < rounds; round += 1) {
    const ids = Array.from({ length: random(4) }, (_, at) => `c${round}_${at}`);
    const text = 'x'.repeat(random(longest));
    messages.push(ids.length > 0 ? callMessage(...ids) : answer(text));
    for (const id of ids.toSorted(() => random(3) - 1)) {
      if (random(6) === 0) messages.push(user(`In between, ${id}.`));
      if (random(8) > 0) messages.push(result(id, `${id} ${'ä'.repeat(random(longest))}`));
      if (random(12) === 0) messages.push(result(`nobody_${id}`));
    }
    if (random(3) === 0) messages.push(user(`And then, ${round}.`));
    if (random(8) === 0) {
      const from = random(messages.length);
      const to = from + random(messages.length);
      messages.push({ ...summary(0, from, to, `Round ${round}.`), seq: messages.length + 1 });
    }
  }
  return messages.map((message, at) => ({ ...message, seq: at + 1 }));
}

/**
 * Lists what a provider would reject: results without a preceding call, and calls without results
 * directly after them.
 */
export function findUnpairedMessages(messages: readonly Message[]): string[] {
  const faults: string[] = [];
  let expected: string[] = [];
  for (const [at, message] of messages.entries()) {
    const next = expected.shift();
    if (message.role === 'tool' ? message.tool_call_id !== next : next !== undefined) {
      faults.push(`message ${at}: ${message.role} where ${next ?? 'no result'} was expected`);
      expected = [];
    }
    if (message.role === 'assistant') {
      expected = (message.tool_calls ?? []).map(({ id }) => id);
    }
  }
  return expected.length > 0 ? [...faults, `at the end ${expected.join()} is open`] : faults;
}
