import { expect, test } from 'vitest';
import type { ConversationState } from '../../src/api/conversation-protocols/run-state.ts';
import { followRun, type RunSource } from '../../src/api/events/follow-run.ts';
import type { StepDetails } from '../../src/db/feed/step-details.ts';

// What is told of a run, of which pieces and rows come in whatever order they come.

const ID = '01890000-0000-7000-8000-000000000001';
const piece = (seq: number, text: string) => ({ execution_id: ID, seq, attempt: 1, text });
const row = (seq: number, kind: string) => ({ execution_id: ID, seq, step: { kind } });
const answer = (content: string, calls: object[] | null = null): StepDetails => ({
  agent: 'clerk',
  messages: [{ seq: 1, role: 'assistant', content, tool_calls: calls as never }],
  question: null,
});

test('what a later step says is told behind the steps before it', async () => {
  const stories = new Map([
    [1, answer('Let me see.', [{ id: 'c' }])],
    [3, answer('It is 42.')],
  ]);
  const heard = Promise.withResolvers<void>();
  const over = Promise.withResolvers<void>();
  const source = {
    async *steps() {
      await heard.promise; // the pieces overtake the rows
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
    story: async ({ seq }: { seq: number }) =>
      stories.get(seq) ?? { agent: null, messages: [], question: null },
    look: async () =>
      ({
        status: 'completed',
        step_count: 3,
        questions: [],
        is_whole: false,
      }) as unknown as ConversationState,
  } as unknown as RunSource;
  const told: string[] = [];
  for await (const one of followRun(source, { id: ID, since: 0 }, new AbortController().signal)) {
    told.push(
      one.type === 'text' ? one.text : one.type === 'step' ? `step ${one.row.seq}` : one.type,
    );
  }
  expect(told.join('|')).toBe('Let me |see.|step 1|step 2|It |is| 42.|step 3|stopped');
});
