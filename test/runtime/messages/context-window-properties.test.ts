import { describe, expect, test } from 'vitest';
import type { LoggedMessage } from '../../../src/contracts/runs/message.ts';
import { estimateRequestTokens, fitWindow } from '../../../src/runtime/messages/context-window.ts';
import { expectSend, messagesWithSummary, trimTo } from './context-window-fixtures.ts';
import { createRandom, findUnpairedMessages, generateRun, summary } from './conversations.ts';

describe('for any conversation and window', () => {
  const cases = Array.from({ length: 400 }, (_, seed) => {
    const random = createRandom(seed);
    const history = random(2) === 0 ? [] : generateRun(random, random(5), 2_000);
    const run = generateRun(random, 1 + random(15), 1 + random(4_000));
    const rebuilt = messagesWithSummary(
      run,
      history.map(({ seq, ...message }) => message),
    );
    const options = trimTo(random(5) === 0 ? null : random(6_000), {
      reserve: random(500),
      toolTokens: random(200),
      ...(random(4) === 0 ? { tooLongAt: random(6_000) } : {}),
    });
    return { seed, run, rebuilt, options };
  });

  test('the request fits unless even the minimal request does not', () => {
    for (const { seed, rebuilt, options } of cases) {
      const { messages } = expectSend(rebuilt.before, options);
      const { contextTokens, reserve, toolTokens, tooLongAt = Number.POSITIVE_INFINITY } = options;
      const window = contextTokens === null ? Number.POSITIVE_INFINITY : contextTokens - reserve;
      const room = Math.min(window, tooLongAt * 0.7) - toolTokens;
      const least = expectSend(rebuilt.before, trimTo(0)).messages;
      const most = Math.max(room, estimateRequestTokens(least));
      expect(estimateRequestTokens(messages), `seed ${seed}`).toBeLessThanOrEqual(most);
      // The minimum is the prompt, the task and the newest group with trimmed results.
      const newest = rebuilt.before.findLastIndex(({ role }) => role !== 'tool');
      expect(least.length, `seed ${seed}`).toBeLessThanOrEqual(2 + rebuilt.before.length - newest);
      const results = least.filter(({ role }) => role === 'tool');
      expect(Math.max(0, ...results.map(({ content }) => content?.length ?? 0))).toBeLessThan(250);
    }
  });

  test('calls and results stay together, prompt and newest group stay, and the order is kept', () => {
    for (const { seed, rebuilt, options } of cases) {
      const { messages, left_out } = expectSend(rebuilt.before, options);
      expect(findUnpairedMessages(messages), `seed ${seed}`).toEqual([]);
      expect(messages[0], `seed ${seed}`).toEqual(rebuilt.before[0]);
      const last = rebuilt.before.findLast(({ role }) => role !== 'tool');
      expect(
        messages.findLast(({ role }) => role !== 'tool'),
        `seed ${seed}`,
      ).toEqual(last);
      const untouched = messages.filter((message) => rebuilt.before.includes(message));
      expect(rebuilt.before.filter((one) => untouched.includes(one))).toEqual(untouched);
      const notes = messages.filter(({ content }) => content?.includes(`${left_out} earlier`));
      expect(messages.length - notes.length + left_out, `seed ${seed}`).toBe(rebuilt.before.length);
    }
  });

  test('the same input gives the same output and is not modified', () => {
    for (const { seed, rebuilt, options } of cases) {
      for (const policy of ['trim', 'summarize', 'none'] as const) {
        const serialized = JSON.stringify(rebuilt.before);
        const first = fitWindow(rebuilt.before, { ...options, policy });
        expect(fitWindow(rebuilt.before, { ...options, policy }), `seed ${seed}`).toEqual(first);
        expect(JSON.stringify(rebuilt.before), `seed ${seed}`).toBe(serialized);
      }
    }
  });

  test('summarizing terminates, and a summary covers exactly its source', () => {
    let made = 0;
    for (const { seed, run, rebuilt, options } of cases) {
      let log = run;
      let fitted = fitWindow(rebuilt.before, { ...options, policy: 'summarize' });
      for (let round = 0; fitted.kind === 'summarize'; round += 1) {
        expect(round, `seed ${seed}`).toBeLessThan(run.length);
        made += 1;
        const { from_seq, to_seq, messages } = fitted;
        const before = seqsOf(rebuilt.tell(log));
        log = [...log, summary(log.length + 1, from_seq, to_seq, 'S')];
        const after = rebuilt.tell(log);
        const gone = before.filter((seq) => !seqsOf(after).includes(seq));
        expect(gone, `seed ${seed}`).toEqual(seqsOf(messages));
        expect(findUnpairedMessages(after), `seed ${seed}`).toEqual([]);
        fitted = fitWindow(after, { ...options, policy: 'summarize' });
      }
    }
    expect(made).toBeGreaterThan(100);
  });
});

/** Returns the numbers of those messages of the run that are sent. */
function seqsOf(messages: readonly LoggedMessage[]): number[] {
  return messages.flatMap(({ seq }) => seq ?? []);
}
