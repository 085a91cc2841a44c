import { expect, test } from 'vitest';
import { RunWatch } from '../../../src/api/events/run-watch.ts';
import { followMcpRun, type McpFollowOptions } from '../../../src/api/mcp/follow-mcp-run.ts';
import type { ToolNote } from '../../../src/contracts/agents/tool-io.ts';
import type { RunEvent } from '../../../src/mcp-server/caller.ts';

// Events of a run that an MCP client follows, from sources without a database.

const ID = '01890000-0000-7000-8000-000000000001';
const note = (progress: number) =>
  ({ execution_id: ID, tool: 'count', type: 'progress', progress }) as ToolNote;
const never = new AbortController().signal;

type Sources = Partial<{
  steps: () => AsyncGenerator<object>;
  states: () => AsyncGenerator<object>;
  notes: ToolNote[];
  checkAccess: () => Promise<void>;
  transact: () => Promise<object>;
}>;

function optionsWith(sources: Sources): McpFollowOptions {
  const none = async function* () {};
  return {
    hub: {
      steps: sources.steps ?? none,
      states: sources.states ?? none,
      notes: {
        follow(_id: string, listener: (one: ToolNote) => void) {
          for (const one of sources.notes ?? []) listener(one);
          return () => {};
        },
      },
      onUnanswered: () => () => {},
    },
    visibility: { whileVisible: (events: unknown) => events },
    watching: { tenantId: ID, userId: undefined, role: 'owner' },
    transact: sources.transact ?? (async () => ({ run: undefined, open: [] })),
    checkAccess: sources.checkAccess ?? (async () => {}),
    notFound: () => new Error('not found'),
  } as unknown as McpFollowOptions;
}

async function eventsOf(sources: Sources): Promise<RunEvent[]> {
  const events: RunEvent[] = [];
  for await (const event of followMcpRun(optionsWith(sources), ID, never)) events.push(event);
  return events;
}

test('every step and every note comes before the end of the run', async () => {
  const events = await eventsOf({
    notes: Array.from({ length: 20 }, (_, place) => note(place)),
    async *steps() {
      yield { execution_id: ID, seq: 1, step: { kind: 'tool_started', name: 'count' } };
      yield { execution_id: ID, seq: 2, step: { kind: 'tool', name: 'count', error: 'none' } };
    },
  });
  expect(events.filter(({ type }) => type === 'note')).toHaveLength(20);
  expect(events.filter(({ type }) => type === 'step')).toEqual([
    { type: 'step', seq: 1, kind: 'tool_started', name: 'count', error: null },
    { type: 'step', seq: 2, kind: 'tool', name: 'count', error: 'none' },
  ]);
  expect(events.at(-1)).toEqual({ type: 'end' });
});

test('notes that were announced before a step come before the step', async () => {
  const events = await eventsOf({
    notes: [note(1), note(2), note(3), note(4)],
    async *steps() {
      yield { execution_id: ID, seq: 1, step: { kind: 'tool', name: 'count' } };
    },
  });
  expect(events.map(({ type }) => type)).toEqual(['note', 'note', 'note', 'note', 'step', 'end']);
});

test('notes that a slow client does not take are dropped beyond a bound', async () => {
  const notes = Array.from({ length: 2_000 }, (_, place) => note(place));
  const events = await eventsOf({ notes });
  const received = events.flatMap((event) => (event.type === 'note' ? [event.note] : []));
  expect(received).toEqual(notes.slice(0, 500));
});

test('a question and a limit are reported once, however often the run is read', async () => {
  const question = { id: 'q1' };
  const events = await eventsOf({
    async *states() {
      for (let state = 0; state < 3; state += 1) yield { status: 'waiting', state };
    },
    transact: async () => ({
      run: { status: 'waiting', waiting_for: 'quota' },
      open: [question],
    }),
  });
  expect(events).toEqual([
    { type: 'questions', questions: [question] },
    { type: 'limited' },
    { type: 'end' },
  ]);
});

test('a caller without access gets an error, even if nothing happens in the run', async () => {
  const ended = Promise.withResolvers<void>();
  const following = eventsOf({
    async *states() {
      await ended.promise;
      yield* [];
    },
    checkAccess: () => Promise.reject(new Error('no access')),
  });
  await expect(following).rejects.toThrow('no access');
  ended.resolve();
});

test('ticks that a slow client has missed count as one', async () => {
  const ended = Promise.withResolvers<void>();
  const states = (async function* () {
    await ended.promise;
    yield* [];
  })();
  const watch = new RunWatch({ states, others: [], tickMs: 1 }, never);
  const changes = watch.changes();
  expect((await changes.next()).value).toEqual({ of: 'tick' });
  const until = performance.now() + 50;
  while (performance.now() < until) await new Promise(setImmediate); // the client reads nothing
  ended.resolve();
  const rest: string[] = [];
  for await (const { of } of changes) rest.push(of);
  expect(rest.filter((of) => of === 'tick').length).toBeLessThan(5);
});
