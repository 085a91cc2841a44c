import { describe, expect, test } from 'vitest';
import type { Message } from '../../src/contracts/runs/message.ts';
import type { Json } from '../../src/json/json.ts';
import { createScriptedProvider, scriptedProvider } from '../../src/providers/scripted.ts';
import {
  answerOf,
  errorOf,
  modelRef,
  modelRequest,
  orderStatus,
  unabortedSignal,
} from './requests.ts';

const scriptedRequest = (script: Json, messages: string | Message[] = 'Hi') =>
  modelRequest(messages, { model: modelRef({ provider: 'scripted', request_params: { script } }) });
const ask = (request: ReturnType<typeof scriptedRequest>, provider = scriptedProvider()) =>
  provider.generate(request, { signal: unabortedSignal() });
const answeredMessages = (count: number): Message[] => [
  { role: 'user', content: 'Hi' },
  ...Array.from({ length: count }, (): Message => ({ role: 'assistant', content: 'x' })),
];

describe('the step that answers', () => {
  const script = [{ content: 'one' }, { error: { status: 503 } }, { content: 'three' }];

  test('is the count of assistant messages in the request, in any worker', async () => {
    expect(answerOf(await ask(scriptedRequest(script, answeredMessages(0)))).content).toBe('one');
    expect(errorOf(await ask(scriptedRequest(script, answeredMessages(1)))).code).toBe(
      'overloaded',
    );
    expect(answerOf(await ask(scriptedRequest(script, answeredMessages(2)))).content).toBe('three');
  });

  test('an error without times repeats every time', async () => {
    const provider = scriptedProvider();
    for (let attempt = 0; attempt < 3; attempt++) {
      expect(errorOf(await ask(scriptedRequest(script, answeredMessages(1)), provider)).code).toBe(
        'overloaded',
      );
    }
  });

  test('errors with times come first and consume no step', async () => {
    const provider = scriptedProvider();
    const error = { status: 429, retry_after_ms: 5, message: 'Slow down.' };
    const passing = [{ error, times: 2 }, { error: { code: 'timeout' }, times: 1 }, ...script];
    const codes = [];
    for (let attempt = 0; attempt < 5; attempt++) {
      const outcome = await ask(scriptedRequest(passing), provider);
      codes.push(outcome.ok ? outcome.value.content : outcome.error.code);
    }
    expect(codes).toEqual(['rate_limited', 'rate_limited', 'timeout', 'one', 'rate_limited']);
    const first = errorOf(await ask(scriptedRequest(passing)));
    expect(first).toMatchObject({ retryable: true, retry_after_ms: 5, message: 'Slow down.' });
  });
});

describe('an unexpected call fails loudly', () => {
  test('after the last step of the script', async () => {
    const error = errorOf(await ask(scriptedRequest([{ content: 'one' }], answeredMessages(1))));
    expect(error).toMatchObject({ code: 'script_mismatch', retryable: false });
    expect(error.message).toMatch(/1 step.*answer 2.*assistant: "x"/);
  });

  test.each([
    [{ last_role: 'tool' }, /role tool.*user: "Hi"/],
    [{ last_content_contains: 'refund' }, /"refund".*user: "Hi"/],
    [{ tools: ['order_status', 'refund'] }, /refund.*order_status/],
  ])('when %j does not match', async (expect_, message) => {
    const request = {
      ...scriptedRequest([{ content: 'one', expect: expect_ }]),
      tools: [orderStatus],
    };
    const error = errorOf(await ask(request));
    expect(error).toMatchObject({ code: 'script_mismatch', retryable: false });
    expect(error.message).toMatch(message);
  });

  test('unlike a step that matches', async () => {
    const met = { last_role: 'user', last_content_contains: 'H', tools: ['order_status'] };
    const request = { ...scriptedRequest([{ content: 'one', expect: met }]), tools: [orderStatus] };
    expect(answerOf(await ask(request)).content).toBe('one');
  });
});

describe('rejects an invalid script with its path', () => {
  test.each<[Json, string]>([
    [7, 'request_params.script:'],
    [[{}], 'request_params.script[0]: needs either'],
    [[{ content: 'x', error: { status: 500 } }], 'request_params.script[0]'],
    [
      [{ content: 'x' }, { tool_calls: [{ arguments: {} }] }],
      'request_params.script[1].tool_calls[0].name',
    ],
    [[{ content: 'x', delay: 5 }], 'request_params.script[0]'],
    [[{ error: {} }], 'request_params.script[0].error: needs status or code'],
    [[{ content: 'x', times: 2 }], 'request_params.script[0]: times'],
    [[{ content: 'x', delay_ms: -1 }], 'request_params.script[0].delay_ms'],
    [[{ content: 'x', usage: { tokens_in: 1.5 } }], 'request_params.script[0].usage.tokens_in'],
  ])('%j', async (script, path) => {
    const error = errorOf(await ask(scriptedRequest(script)));
    expect(error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(error.message).toContain(path);
  });

  test('an empty script', async () => {
    expect(errorOf(await ask(modelRequest('Hi'))).message).toContain('"script"');
  });
});

test('calls get ids that are unique in the conversation, and arguments as text', async () => {
  const step = {
    tool_calls: [
      { name: 'a', arguments: { x: 1 } },
      { name: 'b', arguments: '{"x' },
      { name: 'c', id: 'mine' },
    ],
  };
  const answer = answerOf(await ask(scriptedRequest([step, step], answeredMessages(1))));
  expect(answer.tool_calls).toEqual([
    { id: 'call_2_1', name: 'a', arguments: '{"x":1}' },
    { id: 'call_2_2', name: 'b', arguments: '{"x' },
    { id: 'mine', name: 'c', arguments: '{}' },
  ]);
  expect(answer.finish_reason).toBe('tool_calls');
});

test('uses usage and finish_reason of the script where present', async () => {
  const step = { content: '12345678', usage: { tokens_in: 100 }, finish_reason: 'length' };
  expect(answerOf(await ask(scriptedRequest([step])))).toMatchObject({
    finish_reason: 'length',
    usage: { tokens_in: 100, tokens_out: 2 },
  });
});

test('a delay ends at once when the signal fires', async () => {
  const controller = new AbortController();
  const request = scriptedRequest([{ content: 'late', delay_ms: 3_600_000 }]);
  const pending = scriptedProvider().generate(request, { signal: controller.signal });
  controller.abort();
  expect(errorOf(await pending).code).toBe('cancelled');
});

test('a test in TypeScript can record the calls and pass the script itself', async () => {
  const { provider, calls } = createScriptedProvider([{ content: 'one' }]);
  const request = modelRequest('Hi');
  expect(answerOf(await ask(request, provider)).content).toBe('one');
  request.messages.push({ role: 'user', content: 'changed later' });
  expect(calls).toEqual([modelRequest('Hi')]);
});
