import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { allResources } from '../../../../src/resources/all-resources.generated.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { call } from '../call.ts';

// Rows are named in place of their ids, in every resource whose table has a foreign key to them.

const db = testDatabase();
let api: ApiServer;
const ask = (method: string, path: string, body?: unknown) => call(api, method, path, body);

/** A field, the path and the body of a row that has it, and the name of the row it means. */
type Case = [field: string, path: string, body: Record<string, unknown>, name: string];

const URL_OF_HOOK = 'https://hooks.example.com/alerts';
const http = (name: string) => ({
  ...{ name, kind: 'http', configuration: { url: 'https://shop.example.com/orders' } },
});
/** A grader of runs that exist, which expect nothing. */
const GRADER = { name: 'quick', kind: 'latency', configuration: { max: 1_000 } };
const CASES: Case[] = [
  ['prompt', '/api/agents', { name: 'prompted' }, 'greeting'],
  ['user', '/api/agents', { name: 'personal' }, 'anna'],
  ['webhook', '/api/alert-rules', { name: 'backlog', query: 'select 1' }, URL_OF_HOOK],
  ['dataset', '/api/dataset-items', { input: 'What is 2 + 2?' }, 'sums'],
  ['knowledge_base', '/api/documents', { title: 'Refunds', content: '30 days.' }, 'handbook'],
  ['dataset', '/api/graders', GRADER, 'sums'],
  ['dataset', '/api/grading-rules', { name: 'live', agent: 'development' }, 'sums'],
  ['user', '/api/grants', { permission: 'run', agent: 'development' }, 'anna'],
  ['embedding_model', '/api/knowledge-bases', { name: 'near' }, 'vectors'],
  ['rerank_model', '/api/knowledge-bases', { name: 'ordered' }, 'order'],
  ['ocr_model', '/api/knowledge-bases', { name: 'scanned' }, 'eyes'],
  ['tool', '/api/tool-policies', { decision: 'ask' }, 'orders'],
  ['compensation_tool', '/api/tools', http('refund'), 'orders'],
];
const tableOf = (path: string) => allResources.find((one) => one.path === path);

beforeAll(async () => {
  api = await startTestApi(db.url);
  const model = { provider: 'openai', model: 'm' };
  const rows: [string, Record<string, unknown>][] = [
    ['/api/prompts', { name: 'greeting', template: 'Hello.' }],
    ['/api/users', { username: 'anna', role: 'member' }],
    ['/api/webhooks', { url: URL_OF_HOOK }],
    ['/api/datasets', { name: 'sums' }],
    ['/api/knowledge-bases', { name: 'handbook' }],
    ['/api/models', { ...model, name: 'vectors', purpose: 'embedding' }],
    ['/api/models', { ...model, name: 'order', purpose: 'rerank' }],
    ['/api/models', { ...model, name: 'eyes', capabilities: { images: true } }],
    ['/api/tools', http('orders')],
  ];
  for (const [path, body] of rows) {
    const made = await ask('POST', path, body);
    expect({ path, ...made }).toMatchObject({ path, status: 201 });
  }
});
afterAll(async () => {
  await api?.close();
});

test('every reference of a resource is tried here', () => {
  const all = allResources.flatMap(({ path, writes, references }) =>
    writes.includes('create') ? references.map(({ field }) => `${path} ${field}`) : [],
  );
  expect(CASES.map(([field, path]) => `${path} ${field}`).toSorted()).toEqual(all.toSorted());
});

describe.each(CASES)('%s in %s', (field, path, body, name) => {
  const column = `${field}_id`;
  /** The fields of rows that may be changed. */
  const { row: shownRow, once = [] } = tableOf(path) ?? {};
  const shown = once.includes(column) ? [] : Object.keys(shownRow?.shape ?? {});
  const isNullable = tableOf(path)?.references.find((one) => one.field === field)?.isNullable;
  /** Sends the row again and again, each time with another name. */
  let count = 0;
  const create = (fields: Record<string, unknown>) => {
    count += 1;
    const own = typeof body.name === 'string' ? { name: `${body.name}${count}` } : {};
    return ask('POST', path, { ...body, ...own, ...fields });
  };

  test('is the name of a row, or its id', async () => {
    const made = await create({ [field]: name });
    expect(made).toMatchObject({ status: 201, body: { [column]: expect.any(String) } });
    const id = made.body[column];
    expect((await ask('DELETE', `${path}/${made.body.id}`)).status).toBeLessThan(500);
    const others = [{ [field]: id }, { [column]: id }, { [field]: name, [column]: id }];
    for (const fields of others) {
      const other = await create(fields);
      expect(other).toMatchObject({ status: 201, body: { [column]: id } });
      await ask('DELETE', `${path}/${other.body.id}`);
    }
  });

  test('is refused if no row has it, or if the id is of another row', async () => {
    const unknown = await create({ [field]: `${name}x` });
    expect(unknown).toMatchObject({ status: 404, body: { code: 'HWNTF', field } });
    expect(unknown.body.hint).toContain(`Did you mean ${name}?`);
    const other = await create({ [field]: name, [column]: crypto.randomUUID() });
    expect(other).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
  });

  test.runIf(shown.includes(field))(
    'of a row that is sent back, the changed one counts',
    async () => {
      const { body: row } = await create({ [field]: name });
      const at = `${path}/${row.id}`;
      const { body: cleared } = await ask('PUT', at, { ...row, [column]: null });
      expect(cleared).toMatchObject({ [field]: null, [column]: null });
      const again = await ask('PUT', at, { ...cleared, [column]: row[column] });
      expect(again.body).toMatchObject({ [field]: name, [column]: row[column] });
      expect((await ask('PUT', at, { ...row, [field]: null })).body[column]).toBe(null);
      const other = { ...row, [column]: crypto.randomUUID() };
      expect((await ask('PUT', at, other)).status).not.toBe(200);
      const byName = await ask('PUT', at, { ...cleared, [field]: name });
      expect(byName.body).toMatchObject({ [field]: name, [column]: row[column] });
    },
  );

  test.runIf(isNullable)('is set to null, if the id is not sent', async () => {
    const made = await create({ [field]: name });
    const at = `${path}/${made.body.id}`;
    const { status, body: row } = await ask('PATCH', at, { [field]: null });
    const isOnce = tableOf(path)?.once.includes(column) === true;
    expect([status, row[column]]).toEqual(isOnce ? [400, undefined] : [200, null]);
    if (field in (shownRow?.shape ?? {})) return; // then the null is a change
    const kept = await ask('PATCH', at, { [field]: null, [column]: made.body[column] });
    expect([kept.status, kept.body[column]]).toEqual([200, made.body[column]]);
  });

  test.skipIf(isNullable)('is needed', async () => {
    expect(await create({})).toMatchObject({ status: 400, body: { field: column } });
  });
});
