import { describe, expect, test } from 'vitest';
import { columnChanges } from '../../src/console/inbox/row-changes.ts';
import {
  allowsMoreFields,
  fieldsOf,
  readFields,
  writeFields,
} from '../../src/console/inbox/schema-fields.ts';
import { quoteGraphql, quoteShell, quoteSql } from '../../src/console/parts/quote.ts';
import { copyRuns } from '../../src/console/runs/copy-runs.ts';
import {
  firstIdSince,
  readFilter,
  toFeedFilter,
  toQueryFilter,
  writeFilter,
} from '../../src/console/runs/run-filter.ts';
import {
  applyListEvent,
  type FollowedList,
  isShort,
  type ListEvent,
  startList,
} from '../../src/console/server/list-events.ts';
import type { TimelineStep, TreeRun } from '../../src/console/server/operations.generated.ts';
import { activeMs, mergeRuns, treeRows } from '../../src/console/timeline/tree-rows.ts';
import { questionLine } from '../../src/console/values/approval-words.ts';

const NAMES = { agents: new Map([['support', 'id-1']]), workflows: new Map<string, string>() };

test('a filter survives its URL, and unknown values are left out', () => {
  const query =
    'status=%21failed&agent=support&since=24h&metadata=%7B%22order%22%3A1%7D&children=1';
  expect(writeFilter(readFilter(new URLSearchParams(query)))).toBe(query);
  const odd = readFilter(new URLSearchParams('status=lost,failed&since=soon'));
  expect(odd).toMatchObject({ statuses: ['failed'], since: undefined });
});

test('the query and the live list have the same conditions', () => {
  const filter = readFilter(new URLSearchParams('status=!failed&agent=support'));
  const { status, agentId, parentExecutionId } = toQueryFilter(filter, NAMES, 0);
  const feed = toFeedFilter(filter, NAMES);
  expect(status?.in).toEqual(feed?.status);
  expect(status?.in).not.toContain('failed');
  expect([agentId?.equalTo, feed?.agentId]).toEqual(['id-1', 'id-1']);
  expect([parentExecutionId, feed?.isRoot]).toEqual([{ isNull: true }, true]);
  const unknown = readFilter(new URLSearchParams('agent=nobody'));
  expect(toFeedFilter(unknown, NAMES)).toBeUndefined();
  expect(toQueryFilter(unknown, NAMES, 0).agent).toEqual({ name: { equalTo: 'nobody' } });
});

test('a span is a bound of the ids, which begin with their time', () => {
  const now = Date.parse('2026-11-26T12:00:00Z');
  const id = firstIdSince('1h', now);
  const ms = Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);
  expect(ms).toBe(now - 3_600_000);
});

test('yesterday is a day of the time zone of the browser, with an end', () => {
  const filter = readFilter(new URLSearchParams('status=failed&agent=support&since=yesterday'));
  expect(writeFilter(filter)).toBe('status=failed&agent=support&since=yesterday');
  const now = new Date(2026, 10, 26, 12).getTime();
  const { id } = toQueryFilter(filter, NAMES, now);
  const timeOf = (text: string | null | undefined) =>
    Number.parseInt((text ?? '').replaceAll('-', '').slice(0, 12), 16);
  expect(timeOf(id?.greaterThan)).toBe(new Date(2026, 10, 25).getTime());
  expect(timeOf(id?.lessThan)).toBe(new Date(2026, 10, 26).getTime());
  expect(toFeedFilter(filter, NAMES)).toBeUndefined(); // nothing new begins yesterday
  const today = readFilter(new URLSearchParams('agent=support&since=today'));
  expect(toQueryFilter(today, NAMES, now).id?.lessThan).toBeUndefined();
  expect(toFeedFilter(today, NAMES)).toMatchObject({ agentId: 'id-1' });
});

const SYNCED = { kind: 'synced', rows: [], removedIds: [] } as const;

function gathered<Row>(rows: (Row | null)[], removedIds: string[] = []): ListEvent<Row> {
  return { kind: 'gathered', rows, removedIds };
}

test('a live list keeps its order and its length, and a new start replaces it', () => {
  const rows = ['3', '1'].map((id) => ({ id, n: 0 }));
  const placed = applyListEvent(
    { rows, starting: undefined, isComplete: true, wasFull: false },
    gathered([{ id: '2', n: 1 }]),
    2,
  );
  expect(placed.rows.map(({ id }) => id)).toEqual(['3', '2']);
  const list = startList({ rows, starting: undefined, isComplete: true, wasFull: false });
  const started = applyListEvent(list, gathered([{ id: '5', n: 0 }, null]), 9);
  expect(started.rows.map(({ id }) => id)).toEqual(['5', '3', '1']);
  expect(applyListEvent(started, SYNCED, 9).rows.map(({ id }) => id)).toEqual(['5']);
});

test('a full list that shrinks below half starts anew, once', () => {
  const apply = (list: FollowedList<{ id: string }>, event: ListEvent<{ id: string }>) =>
    applyListEvent(list, event, 4);
  const add = (list: FollowedList<{ id: string }>, ids: string) =>
    apply(list, gathered([...ids].map((id) => ({ id }))));
  const remove = (list: FollowedList<{ id: string }>, ids: string) =>
    apply(list, gathered([], [...ids]));
  const full = apply(add(startList<{ id: string }>(undefined), '1234'), SYNCED);
  expect(isShort(remove(full, '12'), 4)).toBe(false);
  const short = remove(full, '123');
  expect(isShort(short, 4)).toBe(true);
  const again = startList(short);
  expect(isShort(again, 4)).toBe(false);
  expect(isShort(apply(again, SYNCED), 4)).toBe(false);
});

test('words of people are quoted for each language', () => {
  const words = `it's "a" \\ $HOME`;
  expect(quoteSql(words)).toBe(`e'it''s "a" \\\\ $HOME'`);
  expect(quoteShell(words)).toBe(`'it'\\''s "a" \\ $HOME'`);
  expect(quoteGraphql({ status: { in: ['failed'] }, id: 'x' })).toBe(
    '{ status: { in: [failed] }, id: "x" }',
  );
  expect(quoteGraphql({ metadata: { contains: { status: 'open', n: [1] } } })).toBe(
    '{ metadata: { contains: { status: "open", n: [1] } } }',
  );
  expect(quoteGraphql({ metadata: { contains: { 'order.number': 1 } } })).toBeUndefined();
});

test('a list is copied only as what can express its filter', () => {
  const place = { names: NAMES, now: 0, url: new URL('http://127.0.0.1:8000/api/executions') };
  const formsOf = (query: string) =>
    Object.entries(copyRuns(readFilter(new URLSearchParams(query)), place))
      .filter(([, form]) => form !== undefined)
      .map(([name]) => name);
  expect(formsOf('agent=support&children=1')).toEqual(['sql', 'graphql', 'curl', 'cli']);
  expect(formsOf('agent=support')).toEqual(['sql', 'graphql', 'curl']);
  expect(formsOf('ref=shop.orders:4711&children=1')).toEqual(['sql', 'graphql', 'curl', 'cli']);
  expect(formsOf('since=24h&children=1')).toEqual(['sql', 'graphql', 'cli']);
  expect(formsOf('agent=nobody&session=1')).toEqual(['sql', 'graphql']);
  expect(formsOf(`since=1h&metadata=${encodeURIComponent('{"a.b":1}')}`)).toEqual(['sql']);
});

const at = (ms: number) => new Date(ms).toISOString();
const run = (id: string, parent: string | null, created: number): TreeRun => ({
  ...{
    id,
    parentExecutionId: parent,
    createdAt: at(created),
    runAt: at(created),
    waitingFor: null,
  },
  ...{ status: 'completed', startedAt: at(created), completedAt: at(created + 100) },
  ...{ tokensIn: '1', tokensOut: '2', cost: '0.5', agent: { name: id }, workflow: null },
});
const step = (seq: number, kind: TimelineStep['kind'], from: number, ms = 5): TimelineStep => ({
  ...{ executionId: 'a', seq, kind, name: 'n', ms: String(ms), startedAt: at(from) },
  ...{ tokensIn: 0, tokensOut: 0, cost: '0', error: null, said: null },
});

test('the lines of a tree are in the order of time, and a call has one line', () => {
  const steps = new Map([
    [
      'a',
      [
        step(1, 'model', 10),
        step(2, 'tool_started', 15),
        step(3, 'tool', 15),
        step(4, 'output', 90),
      ],
    ],
  ]);
  const rows = treeRows([run('a', null, 0), run('b', 'a', 30)], steps, 'a');
  expect(rows.map(({ kind, name, depth }) => [kind, name, depth])).toEqual([
    ['run', 'a', 0],
    ['model', 'n', 1],
    ['tool', 'n', 1],
    ['run', 'b', 1],
    ['output', 'n', 1],
  ]);
});

test('the subject is part of its tree, and each run is there once', () => {
  const [a, b, c] = [run('a', null, 0), run('b', 'a', 1), run('c', 'b', 2)];
  const runs = mergeRuns(b, [c, null], [a, b]);
  expect(runs.map(({ id }) => id)).toEqual(['a', 'b', 'c']);
  expect(treeRows(mergeRuns(c, undefined, [a]), new Map(), 'c')).toHaveLength(1);
  const newest: TreeRun = { ...b, status: 'failed' };
  expect(mergeRuns(newest, [a, b])).toEqual([a, newest]); // it is read more often than the lists
});

test('time at work counts overlapping steps once', () => {
  expect(activeMs([step(1, 'tool', 0, 10), step(2, 'tool', 5, 10), step(3, 'model', 50, 5)])).toBe(
    20,
  );
});

test('a form has the fields of its schema, and names what is missing or wrong', () => {
  const fields = fieldsOf({
    type: 'object',
    required: ['size', 'name'],
    properties: {
      size: { type: 'integer' },
      name: { type: 'string', title: 'Your name', minLength: 1 },
      colour: { enum: ['red', 'blue'] },
    },
  });
  expect(fields?.map(({ label, kind }) => [label, kind])).toEqual([
    ['size', 'number'],
    ['Your name', 'text'],
    ['colour', 'choice'],
  ]);
  expect(readFields(fields ?? [], { size: 'big' }).faults).toEqual({
    size: 'notNumber',
    name: 'required',
  });
  const { value } = readFields(fields ?? [], { size: '4', name: 'Ada', colour: 'red' });
  expect(value).toEqual({ size: 4, name: 'Ada', colour: 'red' });
});

test('a text may be empty where its schema allows it, and a value may be null', () => {
  const fields =
    fieldsOf({
      required: ['note', 'place', 'size'],
      properties: {
        note: { type: 'string' },
        place: { type: ['string', 'null'] },
        size: { type: ['null', 'integer'] },
        more: { type: ['array', 'null'] },
      },
    }) ?? [];
  expect(fields.map(({ kind }) => kind)).toEqual(['text', 'text', 'number', 'json']);
  expect(readFields(fields, {})).toEqual({
    value: { note: '', place: null, size: null },
    faults: {},
  });
  const value = { note: 'a\nb', size: 7, more: [1] };
  expect(readFields(fields, writeFields(fields, value) ?? {}).value).toEqual({
    ...value,
    place: null,
  });
  expect(writeFields(fields, { other: 1 })).toBeUndefined();
  expect([{}, { additionalProperties: false }].map(allowsMoreFields)).toEqual([true, false]);
});

test('a changed row shows what changes first', () => {
  const changes = columnChanges({ before: { a: 1, b: 2 }, after: { a: 1, b: 3 } });
  expect(changes.map(({ column, isSame }) => [column, isSame])).toEqual([
    ['b', false],
    ['a', true],
  ]);
});

describe('the line of a question', () => {
  test.each([
    ['Approve refund({"order":"A-1","amount":80})?', 'Approve refund? order: A-1, amount: 80'],
    ['Approve close({})?', 'Approve close?'],
    [
      'Approve note({"text":"really ({x})? yes","to":["a"]})? Its effect has changed.',
      'Approve note? text: really ({x})? yes, to: ["a"] Its effect has changed.',
    ],
    ['Approve pay({"cents":12345678901234567890})?', 'Approve pay? cents: 12345678901234567890'],
    ['Approve note({"text":"a long te…)?', 'Approve note({"text":"a long te…)?'],
    ['Which order?', 'Which order?'],
  ])('%s', (prompt, line) => {
    expect(questionLine(prompt)).toBe(line);
  });
});
