import { describe, expect, test } from 'vitest';
import { estimateRequestTokens, fitWindow } from '../../../src/runtime/messages/context-window.ts';
import { SUMMARY_OPENING } from '../../../src/runtime/messages/message-groups.ts';
import { summaryPrompt } from '../../../src/runtime/model-calls/summaries/summary-prompt.ts';
import {
  expectSend,
  expectSummarize,
  longText,
  makeToolRounds,
  messagesWithSummary,
  namesOf,
  system,
  trimTo,
} from '../messages/context-window-fixtures.ts';
import {
  answer,
  call,
  callMessage,
  findUnpairedMessages,
  numberMessages,
  result,
  summary,
  user,
} from '../messages/conversations.ts';

describe('summarize', () => {
  const policy = 'summarize';

  test('runs above 80 % of the window, not below', () => {
    const messages = [system, ...makeToolRounds(8)];
    const tokens = estimateRequestTokens(messages);
    expect(fitWindow(messages, trimTo(Math.ceil(tokens / 0.79), { policy })).kind).toBe('send');
    expect(fitWindow(messages, trimTo(Math.floor(tokens / 0.81), { policy })).kind).toBe(
      'summarize',
    );
    expect(fitWindow(messages, trimTo(null, { policy })).kind).toBe('send');
    expect(fitWindow(messages, trimTo(null, { policy, tooLongAt: tokens })).kind).toBe('summarize');
  });

  test('covers the oldest groups until at most 40 % remain', () => {
    const run = makeToolRounds(8);
    const { before, covered } = messagesWithSummary(run, []);
    const { from_seq, to_seq, messages } = expectSummarize(before, trimTo(1_000, { policy }));
    expect([from_seq, to_seq]).toEqual([1, 11]);
    expect(messages).toEqual(run.slice(0, 11));
    const rest = covered(from_seq, to_seq);
    expect(namesOf(rest)).toEqual([
      'You help.',
      `${SUMMARY_OPENING}short`,
      ...namesOf(run.slice(11)),
    ]);
    expect(estimateRequestTokens(rest)).toBeLessThan(450);
    expect(findUnpairedMessages(rest)).toEqual([]);
  });

  test('covers the whole history together with the run, or the history alone', () => {
    const history = Array.from({ length: 10 }, (_, at) => user(longText(`h${at}`)));
    const run = numberMessages(user('task'));
    const { before, covered } = messagesWithSummary(run, history);
    const decision = expectSummarize(before, trimTo(1_000, { policy }));
    expect(decision).toMatchObject({ from_seq: 0, to_seq: 0, messages: history });
    expect(namesOf(covered(0, 0)).slice(1)).toEqual([`${SUMMARY_OPENING}short`, 'task']);
    const later = messagesWithSummary(makeToolRounds(12), history.slice(0, 2));
    const both = expectSummarize(later.before, trimTo(1_000, { policy }));
    expect(both.from_seq).toBe(0);
    expect(both.to_seq).toBeGreaterThan(10);
    expect(both.messages.slice(0, 3)).toEqual([...history.slice(0, 2), makeToolRounds(1)[0]]);
  });

  test('includes an earlier summary in the next one', () => {
    const run = makeToolRounds(16);
    const { covered } = messagesWithSummary(run, []);
    const { from_seq, to_seq, messages } = expectSummarize(
      covered(1, 9),
      trimTo(1_000, { policy }),
    );
    expect(from_seq).toBe(1);
    expect(to_seq).toBeGreaterThan(9);
    expect(messages[0]?.content).toBe(`${SUMMARY_OPENING}short`);
  });

  test('never summarizes a summary alone: the next group is included', () => {
    const { covered } = messagesWithSummary(makeToolRounds(5, 10), [], longText('S', 600));
    const decision = expectSummarize(covered(1, 5), trimTo(800, { policy }));
    expect(decision).toMatchObject({ from_seq: 1, to_seq: 7 });
    expect(namesOf(decision.messages).slice(1)).toEqual(['c2', 'r2']);
  });

  test('never covers the newest two groups nor a summary alone, which are trimmed when too long', () => {
    const two = numberMessages(
      user(longText('task', 10)),
      callMessage('a'),
      result('a', longText('r', 1_000)),
    );
    const { messages } = expectSend([system, ...two], trimTo(500, { policy }));
    expect(estimateRequestTokens(messages)).toBeLessThanOrEqual(500);
    const run = makeToolRounds(4, 300);
    const { before, covered } = messagesWithSummary(run, []);
    const { from_seq, to_seq } = expectSummarize(before, trimTo(500, { policy }));
    expect([from_seq, to_seq]).toEqual([1, 5]);
    expect(expectSend(covered(1, 5), trimTo(500, { policy })).left_out).toBeGreaterThan(0);
  });

  test('covers only its source messages when input arrived between call and result', () => {
    const messages = [callMessage('a'), user('hurry'), result('a', longText('r'))];
    for (let window = 200; window < 900; window += 10) {
      const run = numberMessages(user('task'), ...messages, ...makeToolRounds(6).slice(1));
      const { before, covered } = messagesWithSummary(run, []);
      const fitted = fitWindow(before, trimTo(window, { policy }));
      if (fitted.kind === 'send') continue;
      const rest = covered(fitted.from_seq, fitted.to_seq);
      const combined = [...rest, ...fitted.messages];
      expect(namesOf(combined).filter((name) => name === 'hurry')).toHaveLength(1);
      expect(combined.filter(({ role }) => role === 'tool')).toHaveLength(7);
    }
  });

  test('trims a conversation without numbers', () => {
    const messages = [system, user('q'), ...Array.from({ length: 9 }, () => answer(longText('a')))];
    expect(expectSend(messages, trimTo(500, { policy })).left_out).toBeGreaterThan(0);
  });
});

describe('the prompt for a summary', () => {
  test('contains the conversation as text, with no call to answer', () => {
    const run = [
      user('Find order 4711.'),
      callMessage(call('a', 'look', '{"id":4711}')),
      result('a', longText('found', 5_000)),
      { ...answer('Shipped.'), tool_calls: [call('b', 'mail')] },
    ];
    const image = { type: 'image_url', image_url: { url: 'data:…' } };
    const prompt = summaryPrompt([...run, { ...user('Like this:'), parts: [image] }], 'Bob asks.');
    expect(prompt.map(({ role }) => role)).toEqual(['system', 'user']);
    expect(prompt.every((message) => Object.keys(message).join() === 'role,content')).toBe(true);
    const text = prompt[1]?.content ?? '';
    expect(text).toMatch(
      /Earlier summary:\nBob asks\.\n\nUser: Find order 4711\.\n\nAssistant calls look: \{"id":4711\}\n\nResult of look: found x+/,
    );
    expect(text).toContain(
      'Assistant: Shipped.\n\nAssistant calls mail: {}\n\nUser: Like this:\n[image]',
    );
    expect(text.length).toBeLessThan(3_000);
    expect(summaryPrompt([summary(3, 1, 2, 'Old.')])[1]?.content).toContain(
      'Earlier summary: Old.',
    );
  });

  test('stays within its token limit', () => {
    const run = Array.from({ length: 100 }, (_, at) => user(longText(`m${at}`)));
    for (const most of [1_000, 2_000, 5_000]) {
      const prompt = summaryPrompt(run, null, most);
      expect(estimateRequestTokens(prompt)).toBeLessThanOrEqual(most);
      expect(estimateRequestTokens(prompt)).toBeGreaterThan(most - 10);
      expect(prompt[1]?.content).toContain('m0 x');
      expect(prompt[1]?.content).toContain('cut out');
    }
  });
});
