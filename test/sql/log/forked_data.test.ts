import { beforeAll, describe, expect, test } from 'vitest';
import { makeTeam } from '../../runtime/teams.ts';
import { testDatabase } from '../../support/database.ts';
import { all, claim, finish, makeAgent, makeRun, makeWorker, one, refusal } from '../support.ts';

const ORDER = { order: { number: 1001, items: [{ sku: 'tea', count: 1 }] }, note: null };

type Fork = {
  seq?: number;
  input?: string;
  version?: number;
  input_data?: unknown;
  changes?: unknown;
};

describe('a fork with changed input data', () => {
  const db = testDatabase();
  let agent: string;
  let worker: string;

  beforeAll(async () => {
    agent = await makeAgent(db.pool);
    worker = await makeWorker(db.pool);
  });

  const make = (input_data: unknown, columns: Record<string, unknown> = {}) =>
    makeRun(db.pool, {
      agent_id: agent,
      ...(input_data !== undefined && { input_data: JSON.stringify(input_data) }),
      ...columns,
    });
  const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
  const fork = (id: string, { seq, input, version, input_data, changes }: Fork) =>
    one(
      db.pool,
      'select * from howdah.fork_execution($1, $2, $3, $4, input_data => $5, changes => $6)',
      [id, seq, input, version, json(input_data), json(changes)],
    );
  const refused = async (id: string, options: Fork) => {
    const { code, message, detail, hint } = await refusal(fork(id, options));
    return { code, message, hint, ...JSON.parse(detail ?? '{}') };
  };
  const first = async (id: string) => {
    await claim(db.pool, worker, [id]);
    return (
      await one(
        db.pool,
        'select content from howdah.messages where execution_id = $1 and seq = 1',
        [id],
      )
    ).content;
  };

  test('shows the new data below its input, and the original keeps its own', async () => {
    const id = await make({ city: 'Bonn' });
    await finish(db.pool, worker, id);
    const copy = await fork(id, { seq: 0, input_data: { city: 'Kiel' } });
    expect(copy).toMatchObject({
      ...{ forked_from_execution_id: id, forked_from_seq: 0, status: 'queued' },
      input_data: { city: 'Kiel' },
    });
    expect(await first(copy.id)).toBe('Where is A-1001?\n\n{\n    "city": "Kiel"\n}');
    const [step] = await all(db.pool, 'select input from howdah.steps where execution_id = $1', [
      copy.id,
    ]);
    expect(step?.input).toMatchObject({ seq: 0, input: null, input_data: { city: 'Kiel' } });
    const { input_data } = await one(
      db.pool,
      'select input_data from howdah.executions where id = $1',
      [id],
    );
    expect(input_data).toEqual({ city: 'Bonn' });
  });

  test('starts again without a seq, and logs only the given data', async () => {
    const id = await make({ city: 'Bonn' });
    await finish(db.pool, worker, id);
    expect(await fork(id, { input_data: [1] })).toMatchObject({
      forked_from_seq: 0,
      input_data: [1],
    });
    expect(await fork(id, { changes: { city: 'Kiel' } })).toMatchObject({ forked_from_seq: 0 });
    const plain = await fork(id, { seq: 0, input: 'And now?' });
    expect(plain).toMatchObject({ input: 'And now?', input_data: { city: 'Bonn' } });
    const [step] = await all(db.pool, 'select input from howdah.steps where execution_id = $1', [
      plain.id,
    ]);
    expect(Object.keys(step?.input)).not.toContain('input_data');
  });

  test('changes paths in objects and lists, and leaves the rest', async () => {
    const id = await make(ORDER);
    const changes = { 'order.items.0.count': 2, 'order.number': 1002, note: 'soon' };
    expect((await fork(id, { changes, input: 'Again.' })).input_data).toEqual({
      order: { number: 1002, items: [{ sku: 'tea', count: 2 }] },
      note: 'soon',
    });
    const nested = { 'order.number': 3, order: { number: 2, items: [] } };
    expect((await fork(id, { changes: nested })).input_data).toEqual({
      order: { number: 3, items: [] },
      note: null,
    });
    const listed = await fork(await make(['a', 'b']), { changes: { '-1': 'c' } });
    expect(listed.input_data).toEqual(['a', 'c']);
  });

  test('applies changes to new data when both are given', async () => {
    const options = { input_data: { a: 1, b: 1 }, changes: { b: 2 } };
    expect((await fork(await make(ORDER), options)).input_data).toEqual({ a: 1, b: 2 });
  });

  test.each([
    ['order.numbre', 'input_data has no path order.numbre', 'order.number?'],
    ['ordr', 'input_data has no path ordr', 'Did you mean order? There are: note'],
    [
      'order.items.1.count',
      'input_data has no path order.items.1.count',
      'There are: order.items.0.',
    ],
    [
      'order.number.digits',
      'input_data has no path order.number.digits',
      'A complete input_data can',
    ],
    [
      'order..number',
      'input_data has no path order..number',
      'There are: order.items, order.number.',
    ],
    ['', 'input_data has no path ""', 'There are: note, order.'],
  ])('rejects the path %j, with a hint about valid paths', async (path, message, hint) => {
    const error = await refused(await make(ORDER), { changes: { [path]: 1 } });
    expect(error).toMatchObject({ code: 'HWINV', field: 'changes', path });
    expect(error.message).toContain(message);
    expect(error.hint).toContain(hint);
  });

  test('rejects a change if there is no data, or the data has no such path', async () => {
    expect(await refused(await make(undefined), { changes: { a: 1 } })).toMatchObject({
      ...{ code: 'HWINV', field: 'changes', hint: 'A complete input_data can be given instead.' },
      message: 'the run has no input_data to change',
    });
    expect(await refused(await make('text'), { changes: { a: 1 } })).toMatchObject({
      message: 'input_data has no path a',
    });
  });

  test.each([
    [[]],
    [{}],
    ['a'],
    [null],
    [Object.fromEntries(Array.from({ length: 101 }, (_, i) => [i, i]))],
  ])('rejects changes that are not an object of paths: %j', async (changes) => {
    expect(await refused(await make(ORDER), { changes })).toMatchObject({
      ...{ code: 'HWINV', field: 'changes' },
      message: 'changes must be a JSON object with 1 to 100 paths of input_data',
    });
  });

  test('rejects new data at a seq after 0', async () => {
    const id = await make(ORDER);
    await finish(db.pool, worker, id);
    for (const [field, options] of [
      ['input_data', { input_data: 1 }],
      ['changes', { changes: { note: 1 } }],
    ] as const) {
      expect(await refused(id, { seq: 1, ...options })).toMatchObject({
        ...{ code: 'HWINV', field, seq: 1 },
        hint: 'Fork at seq 0 to change input_data, or give the new information in input.',
      });
    }
  });

  test('rejects data that is too large, as an insert does', async () => {
    const id = await make({ a: '' });
    const large = 'x'.repeat(1_048_576);
    for (const [field, options] of [
      ['input_data', { input_data: large }],
      ['changes', { changes: { a: large } }],
    ] as const) {
      expect(await refused(id, options)).toMatchObject({ code: 'HWINV', field });
    }
    const almost = 'x'.repeat(600_000);
    const both = { input_data: { a: almost, b: 1 }, changes: { b: almost } };
    expect(await refused(id, both)).toMatchObject({ code: 'HWINV', field: 'input_data' });
  });

  test('accepts the variables of the prompt of an agent, including new ones', async () => {
    const { id: prompt } = await one(
      db.pool,
      `insert into howdah.prompts (name, template, variables) values ('greeting', 'Be {{tone}} to {{who}}.',
         '{"tone": {"type": "string", "default": "kind"}, "who": {"type": "string"}}') returning id`,
    );
    const prompted = await makeAgent(db.pool, { prompt_id: prompt });
    const id = await make({ who: 'Ada' }, { agent_id: prompted });
    expect((await fork(id, { changes: { tone: 'brief' } })).input_data).toEqual({
      tone: 'brief',
      who: 'Ada',
    });
    expect(await refused(id, { changes: { who: 1 } })).toMatchObject({
      ...{ code: 'HWINV', field: 'input_data', prompt: 'greeting' },
    });
    expect(await refused(id, { input_data: {} })).toMatchObject({
      code: 'HWINV',
      field: 'input_data',
    });
    expect(await refused(id, { changes: { tonne: 'brief' } })).toMatchObject({
      hint: 'Did you mean tone? There are: who, tone. A complete input_data can be given instead.',
    });
    const kind = await makeAgent(db.pool, { prompt_id: prompt, prompt_values: '{"who": "you"}' });
    const bare = await make(undefined, { agent_id: kind });
    expect((await fork(bare, { changes: { tone: 'brief' } })).input_data).toEqual({
      tone: 'brief',
    });
  });

  test('works for workflows too; a map requires a list', async () => {
    const map = await makeTeam(db.pool, { type: 'map', members: [{ agent }] });
    const { id } = await one(
      db.pool,
      `insert into howdah.executions (workflow_id, input, input_data) values ($1, 'Each.', '["a", "b"]') returning id`,
      [map],
    );
    expect((await fork(id, { changes: { 1: 'c' } })).input_data).toEqual(['a', 'c']);
    expect((await fork(id, { input_data: ['d'] })).input_data).toEqual(['d']);
    expect(await refused(id, { input_data: { a: 1 } })).toMatchObject({
      ...{ code: 'HWINV', field: 'input_data' },
      message: 'input_data is not a JSON array, but a map runs over the items of an array',
    });
  });
});
