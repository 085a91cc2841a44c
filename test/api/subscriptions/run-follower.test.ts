import { expect, test } from 'vitest';
import type { ConversationState } from '../../../src/api/conversation-protocols/conversation-state.ts';
import {
  type AnswerSource,
  followAnswer,
  followRun,
  type RunSource,
} from '../../../src/api/events/follow-run.ts';
import type { StepDetails } from '../../../src/db/feed/step-details.ts';

// Messages to subscribers of a run whose pieces and rows arrive in any order.

const ID = '01890000-0000-7000-8000-000000000001';
const piece = (seq: number, text: string) => ({ execution_id: ID, seq, attempt: 1, text });
const row = (seq: number, kind: string) => ({ execution_id: ID, seq, step: { kind } });
const answer = (content: string, calls: object[] | null = null): StepDetails => ({
  agent: 'clerk',
  messages: [{ seq: 1, role: 'assistant', content, tool_calls: calls as never, parts: null }],
  last_message: 1,
  question: null,
  is_called: false,
});

test('the text of a later step is sent after the steps before it', async () => {
  const details = new Map([
    [1, answer('Let me see.', [{ id: 'c' }])],
    [3, answer('It is 42.')],
  ]);
  const heard = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const source = {
    async *steps() {
      await heard.promise; // the pieces arrive before the rows
      yield row(1, 'model');
      yield row(2, 'tool');
      yield row(3, 'model');
      over.resolve();
    },
    hub: {
      async *tokens() {
        yield piece(1, 'Let me ');
        yield piece(3, 'It ');
        yield piece(3, 'is');
        heard.resolve();
        await over.promise;
      },
      async *states() {
        await over.promise;
        yield* [];
      },
    },
    details: async ({ seq }: { seq: number }) =>
      details.get(seq) ?? {
        agent: null,
        messages: [],
        last_message: null,
        question: null,
        is_called: false,
      },
    look: async () =>
      ({
        status: 'completed',
        step_count: 3,
        questions: [],
        is_whole: false,
      }) as unknown as ConversationState,
  } as unknown as RunSource;
  const received: string[] = [];
  for await (const one of followRun(source, { id: ID, since: 0 }, new AbortController().signal)) {
    received.push(
      one.type === 'text' ? one.text : one.type === 'step' ? `step ${one.row.seq}` : one.type,
    );
  }
  expect(received.join('|')).toBe('Let me |see.|step 1|step 2|It |is| 42.|step 3|stopped');
});

test('early pieces of a followed run are buffered up to a bound', async () => {
  const words = Array.from({ length: 600 }, (_, place) => `${place} `);
  const heard = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const source = {
    async *steps() {
      await heard.promise;
      yield row(1, 'tool');
      yield row(2, 'model');
      over.resolve();
    },
    hub: {
      async *tokens() {
        for (const word of words) yield piece(2, word);
        heard.resolve();
        await over.promise;
      },
      async *states() {
        await over.promise;
        yield* [];
      },
    },
    details: async ({ seq }: { seq: number }) =>
      seq === 2
        ? answer(words.join(''))
        : { agent: null, messages: [], last_message: null, question: null, is_called: false },
    look: async () => ({ status: 'completed', step_count: 2, questions: [], is_whole: false }),
  } as unknown as RunSource;
  const texts: string[] = [];
  for await (const item of followRun(source, { id: ID, since: 0 }, new AbortController().signal)) {
    if (item.type === 'text') texts.push(item.text);
  }
  expect(texts.slice(0, -1)).toEqual(words.slice(0, 500));
  expect(texts.join('')).toBe(words.join(''));
});

test('a run without streaming is read when it waits and when it ends', async () => {
  const statuses = ['running', 'waiting', 'running', 'running', 'completed'];
  let status = '';
  const readAt: string[] = [];
  const source = {
    hub: {
      async *states() {
        for (status of statuses) {
          yield { status };
          await new Promise(setImmediate);
        }
      },
      tokens: () => expect.unreachable('pieces are not sent'),
    },
    look: async () => {
      readAt.push(status);
      return { status, step_count: 1, questions: [], is_whole: false, answers: [] };
    },
  } as unknown as AnswerSource;
  const started = { id: ID, since: 0 };
  const items = [];
  for await (const item of followAnswer(source, started, false, new AbortController().signal)) {
    items.push(item.type);
  }
  expect(items).toEqual(['stopped']);
  expect(readAt.slice(1)).toEqual(['waiting', 'completed']);
});

test('a client disconnect ends its subscriptions and the follower of its run', async () => {
  const leaving = new AbortController();
  const left: string[] = [];
  const pending = (name: string) => {
    const end = Promise.withResolvers<IteratorResult<never, undefined>>();
    return {
      next: () => end.promise,
      async return() {
        left.push(name);
        end.resolve({ done: true, value: undefined });
      },
    };
  };
  const source = {
    steps: () => pending('steps'),
    hub: { states: () => pending('states'), tokens: () => pending('tokens') },
    look: async () => ({ status: 'running', step_count: 0, questions: [], is_whole: false }),
  } as unknown as RunSource;
  const followed = followRun(source, { id: ID, since: 0 }, leaving.signal);
  const next = followed.next();
  await new Promise(setImmediate);
  leaving.abort();
  expect((await next).done).toBe(true);
  expect([...new Set(left)].sort()).toEqual(['states', 'steps', 'tokens']);
});
