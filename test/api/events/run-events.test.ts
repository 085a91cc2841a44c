import { expect, test } from 'vitest';
import { runEvents } from '../../../src/api/events/run-events.ts';
import { eventsOf } from '../../../src/api/events/step-events.ts';
import type { RunStreamSources } from '../../../src/api/events/stream-events.ts';
import type { TreeStreamSources } from '../../../src/api/events/tree-reader.ts';
import { ToolNotes } from '../../../src/api/feed/tool-notes.ts';
import type { TokenPiece } from '../../../src/contracts/runs/step.ts';
import { FeedQueue } from '../../../src/db/feed/feed-queue.ts';
import type { FeedRow } from '../../../src/db/feed/tree-rows.ts';
import type { Execution } from '../../../src/operations/runs/run-rows.ts';

const ID = '01a1f805-7e9f-729f-9dc6-14d018338ca2';

/** Returns a run whose rows and pieces arrive when the test sends them. */
function createControlledRun(run: Partial<Execution>) {
  const steps = new FeedQueue<FeedRow>({ onClose() {} });
  const tokens = new FeedQueue<TokenPiece>({ onClose() {} });
  const live = {
    hub: { tokens: () => tokens, notes: new ToolNotes() },
    steps: () => steps,
    readStepDetails: async () => ({ messages: [] }) as never,
    find: async () => run as Execution,
    isSeen: async () => true,
    liveChildren: async () => [],
  } as unknown as RunStreamSources & TreeStreamSources;
  const piece = (seq: number, text: string) =>
    tokens.push({ execution_id: ID, seq, attempt: 1, text } as TokenPiece);
  const row = (seq: number) =>
    steps.push({
      execution_id: ID,
      seq,
      step: { seq, kind: 'timer', name: null, input: null, output: null, error: null },
    } as unknown as FeedRow);
  return { live, piece, row, steps };
}

test('pieces of an answer are held back until earlier steps arrive', async () => {
  const { live, piece, row } = createControlledRun({ id: ID, step_count: 0, completed_at: null });
  const leaving = new AbortController();
  const events = runEvents(live, ID, { seq: 0, n: 0 }, leaving.signal);
  piece(3, 'to');
  piece(3, 'gether');
  const first = events.next();
  await new Promise(setImmediate);
  row(1);
  row(2);
  const seen = [(await first).value];
  while (seen.filter((one) => one?.event === 'token').length < 2) {
    seen.push((await events.next()).value);
  }
  expect(seen.map((one) => `${one?.event} ${one?.data.seq}`).slice(-2)).toEqual([
    'token 3',
    'token 3',
  ]);
  expect(Math.max(...seen.slice(0, -2).map((one) => Number(one?.data.seq)))).toBe(2);
  leaving.abort();
  await events.return();
});

test('behind a cursor that never existed, a run without steps still has its last event', async () => {
  const run = { id: ID, status: 'cancelled', step_count: 0, completed_at: '2030-01-01T00:00:00Z' };
  const { live, steps } = createControlledRun(run as Partial<Execution>);
  steps.end();
  const events: string[] = [];
  const { signal } = new AbortController();
  for await (const { event, id } of runEvents(live, ID, { seq: 4, n: 1 }, signal)) {
    events.push(`${event} ${id}`);
  }
  expect(events).toEqual(['complete 0.1']);
});

test('the end of a child run names the call that started it', () => {
  const step = { seq: 3, kind: 'child', name: null, call_id: 'a', output: { status: 'completed' } };
  const row = { execution_id: ID, seq: 3, step } as unknown as FeedRow;
  const events = eventsOf(row, {
    agent: 'clerk',
    messages: [],
    last_message: null,
    question: null,
    is_called: false,
  });
  expect(events).toEqual([
    {
      event: 'observation',
      data: { kind: 'child', agent: 'clerk', call_id: 'a', output: { status: 'completed' } },
    },
  ]);
});
