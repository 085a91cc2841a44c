import { describe, expect, test } from 'vitest';
import type { LoggedMessage } from '../../../src/contracts/runs/message.ts';
import {
  answerReserve,
  estimateRequestTokens,
  fitWindow,
} from '../../../src/runtime/messages/context-window.ts';
import { SUMMARY_OPENING } from '../../../src/runtime/messages/message-groups.ts';
import { truncateMiddle } from '../../../src/text/truncate-middle.ts';
import {
  expectSend,
  longText,
  makeToolRounds,
  messagesWithSummary,
  namesOf,
  system,
  trimTo,
} from './context-window-fixtures.ts';
import { answer, call, callMessage, numberMessages, result, user } from './conversations.ts';

describe('the estimate', () => {
  test('is bytes / 4 plus a small overhead per message', () => {
    const empty = estimateRequestTokens([user('')]);
    expect(empty).toBeGreaterThan(0);
    expect(empty).toBeLessThan(10);
    expect(estimateRequestTokens([user('x'.repeat(400))])).toBe(empty + 100);
    expect(estimateRequestTokens([user('€'.repeat(400))])).toBe(empty + 300);
    const args = '"'.padEnd(4_000, 'x');
    expect(estimateRequestTokens([callMessage(call('a', 'look', args))])).toBeGreaterThan(1_000);
  });

  test('counts a fixed number for an image, whatever its bytes', () => {
    const image = (data: string) => ({ type: 'image_url', image_url: { url: data } });
    const text = { type: 'text', text: 'See:' };
    const tokensOfImage = (url: string) =>
      estimateRequestTokens([{ role: 'user', content: 'See:', parts: [text, image(url)] }]);
    expect(tokensOfImage('data:image/png;base64,'.padEnd(1_000_000, 'A'))).toBe(
      tokensOfImage('http://x/y.png'),
    );
    expect(tokensOfImage('')).toBe(estimateRequestTokens([user('See:')]) + 1_000);
    // only the text of an assistant message is sent
    expect(estimateRequestTokens([{ ...answer('See:'), parts: [text, image('')] }])).toBe(
      estimateRequestTokens([answer('See:')]),
    );
  });

  test('counts the schemas of tools', () => {
    const parameters = { type: 'object', description: 'x'.repeat(800) };
    expect(estimateRequestTokens([], [{ name: 'a', description: '', parameters }])).toBeGreaterThan(
      200,
    );
    expect(estimateRequestTokens([])).toBe(0);
  });
});

test('reserves the answer length of the parameters, else a quarter; never more than half', () => {
  expect(answerReserve({ max_output_tokens: 600 }, 8_000)).toBe(600);
  expect(answerReserve({ max_tokens: 500 }, 8_000)).toBe(500);
  expect(answerReserve({ max_completion_tokens: 700, max_tokens: 500 }, 8_000)).toBe(700);
  expect(answerReserve({}, 8_000)).toBe(2_000);
  expect(answerReserve({ max_tokens: 'many' }, 100_000)).toBe(4_096);
  expect(answerReserve({}, null)).toBe(4_096);
  expect(answerReserve({ max_tokens: 8_000 }, 8_000)).toBe(4_000);
});

describe('trim', () => {
  test('changes nothing while the request fits or the window is unknown', () => {
    const messages = [system, ...makeToolRounds(5)];
    const exact = estimateRequestTokens(messages);
    for (const window of [null, exact]) {
      expect(fitWindow(messages, trimTo(window))).toEqual({ kind: 'send', messages, left_out: 0 });
    }
    expect(expectSend(messages, trimTo(exact - 1)).left_out).toBeGreaterThan(0);
    expect(expectSend(messages, trimTo(exact, { reserve: 1 })).left_out).toBeGreaterThan(0);
    expect(expectSend(messages, trimTo(exact, { toolTokens: 1 })).left_out).toBeGreaterThan(0);
  });

  test('policy none sends everything', () => {
    const messages = [system, ...makeToolRounds(5)];
    const options = trimTo(10, { policy: 'none', tooLongAt: 10 });
    expect(fitWindow(messages, options)).toEqual({ kind: 'send', messages, left_out: 0 });
  });

  test('drops whole groups, oldest first, and leaves a note in their place', () => {
    const messages = [system, ...makeToolRounds(5)];
    const { messages: retained, left_out } = expectSend(messages, trimTo(400));
    expect(namesOf(retained)).toEqual([
      'You help.',
      'task',
      "[4 earlier messages are left out here to fit the model's context window]",
      'c2',
      'r2',
      'c3',
      'r3',
      'c4',
      'r4',
    ]);
    expect(left_out).toBe(4);
  });

  test('keeps the task of the run, not of an earlier turn', () => {
    const history = [user(longText('old task')), answer(longText('old answer'))];
    const { messages } = expectSend([system, ...history, ...makeToolRounds(2)], trimTo(300));
    expect(namesOf(messages)).toEqual([
      'You help.',
      "[2 earlier messages are left out here to fit the model's context window]",
      'task',
      'c0',
      'r0',
      'c1',
      'r1',
    ]);
  });

  test('keeps the task also when it is new and further input followed', () => {
    const said = numberMessages(user('task'), user(longText('one')), user('two'));
    const { messages } = expectSend(
      [system, user('old'), answer(longText('a')), ...said],
      trimTo(60),
    );
    expect(namesOf(messages).filter((name) => !name.startsWith('['))).toEqual([
      'You help.',
      'task',
      'two',
    ]);
  });

  test('drops a summary last, and never the one that replaces the task', () => {
    const run = makeToolRounds(6);
    const { covered } = messagesWithSummary(run, [user(longText('before'))]);
    const windowOf = (messages: LoggedMessage[], window: number) =>
      namesOf(expectSend(messages, trimTo(window)).messages);
    const text = windowOf(covered(4, 5), 300);
    expect(text).toContain(`${SUMMARY_OPENING}short`);
    expect(text).toContain('task');
    expect(text).not.toContain('c2');
    expect(windowOf(covered(0, 5), 30)).toContain(`${SUMMARY_OPENING}short`);
  });

  test('shortens the longest results in the middle when the newest answer alone is too large', () => {
    const newest = [callMessage('a', 'b'), result('a', 'short'), result('b', longText('b', 5_000))];
    const messages = [system, ...numberMessages(user('task'), answer('old'), ...newest)];
    const { messages: retained, left_out } = expectSend(messages, trimTo(1_000));
    expect(left_out).toBe(1);
    expect(retained.at(-2)?.content).toBe('short');
    const cut = retained.at(-1)?.content ?? '';
    const [, head = '', gone, tail = ''] =
      /^(b x+)\n\[… (\d+) characters are cut out here …\]\n(x+)$/.exec(cut) ?? [];
    expect(head.length + Number(gone) + tail.length).toBe(longText('b', 5_000).length);
    expect(estimateRequestTokens(retained)).toBeLessThanOrEqual(1_000);
    expect(estimateRequestTokens(retained)).toBeGreaterThan(950);
  });

  test('truncation splits no character', () => {
    for (const text of ['🐘'.repeat(500), `é${'🐘'.repeat(500)}`, `${'🐘'.repeat(500)}é`]) {
      for (let limit = 100; limit < 108; limit += 1) {
        const cut = truncateMiddle(text, limit);
        expect(cut.isWellFormed()).toBe(true);
        expect(cut.length).toBeLessThanOrEqual(limit);
        const [head = '', gone, tail = ''] = cut.split(/\n.*?(\d+) .*\n/);
        expect(head.length + Number(gone) + tail.length).toBe(text.length);
      }
    }
  });

  test('adds a note about omissions while there is room for it', () => {
    const messages = [system, ...makeToolRounds(5)];
    for (let window = 200; window < estimateRequestTokens(messages); window += 1) {
      const { messages: retained, left_out } = expectSend(messages, trimTo(window));
      expect(namesOf(retained)[2]).toMatch(`[${left_out} earlier messages are left out`);
      expect(retained.at(-1)).toEqual(messages.at(-1));
    }
  });

  test('keeps input after the newest answer, and the answer before anything older', () => {
    const messages = [system, ...numberMessages(...makeToolRounds(5), user(longText('hurry')))];
    const { messages: retained } = expectSend(messages, trimTo(300));
    expect(namesOf(retained).slice(-3)).toEqual(['c4', 'r4', 'hurry']);
    expect(namesOf(expectSend(messages, trimTo(150)).messages)).toEqual([
      'You help.',
      'task',
      "[10 earlier messages are left out here to fit the model's context window]",
      'hurry',
    ]);
  });

  test('after a rejection it aims at 70 % of the rejected size, including tools', () => {
    const messages = [system, ...makeToolRounds(10)];
    const tooLongAt = estimateRequestTokens(messages) + 50;
    for (const window of [null, 1_000_000]) {
      const { messages: retained } = expectSend(
        messages,
        trimTo(window, { tooLongAt, toolTokens: 50 }),
      );
      expect(estimateRequestTokens(retained) + 50).toBeLessThanOrEqual(tooLongAt * 0.7);
      expect(estimateRequestTokens(retained) + 50).toBeGreaterThan(tooLongAt * 0.5);
    }
  });
});
