import type { Client } from '@modelcontextprotocol/client';
import { expect, test } from 'vitest';
import type { Json, JsonObject } from '../../../src/json/json.ts';
import { listServerTools } from '../../../src/tools/mcp/results/list-tools.ts';

const good = { name: 'good', inputSchema: { type: 'object' } };

/** Returns the tools that are listed for these entries. */
async function listEntries(...entries: Json[]) {
  const client = {
    getServerVersion: () => ({ name: 'x', version: '1' }),
    getServerCapabilities: () => ({ tools: {} }),
    request: async () => ({ tools: entries }),
  };
  const { tools } = await listServerTools(client as unknown as Client, AbortSignal.timeout(10_000));
  return tools;
}

const odd = (more: JsonObject): JsonObject => ({ ...good, name: 'odd', ...more });

test.each<[string, Json, string, RegExp]>([
  ['no object', 7, '(entry 1)', /no object/],
  ['null', null, '(entry 1)', /no object/],
  ['no name', { inputSchema: { type: 'object' } }, '(entry 1)', /no name/],
  ['a name that is no text', odd({ name: 5 }), '(entry 1)', /no name/],
  ['no inputSchema', { name: 'odd' }, 'odd', /no inputSchema/],
  ['an inputSchema that is a text', odd({ inputSchema: 'x' }), 'odd', /no object/],
  ['an inputSchema of a text', odd({ inputSchema: { type: 'string' } }), 'odd', /type "string"/],
  [
    'an unknown type',
    odd({ inputSchema: { type: 'object', properties: { a: { type: 'strin' } } } }),
    'odd',
    /properties\/a\/type must be a type/,
  ],
  [
    'properties in a list',
    odd({ inputSchema: { type: 'object', properties: [] } }),
    'odd',
    /properties must be an object/,
  ],
  [
    'a reference to nothing',
    odd({ inputSchema: { type: 'object', properties: { a: { $ref: '#/$defs/a' } } } }),
    'odd',
    /does not exist/,
  ],
])('an entry with %s hides itself alone, with its fault', async (_, entry, name, fault) => {
  const [first, second] = await listEntries(entry, good);
  expect(first).toMatchObject({ name, fault: expect.stringMatching(fault), parameters: {} });
  expect(second).toMatchObject({ name: 'good', fault: null, remark: null });
});

test.each<[string, JsonObject, RegExp | null]>([
  ['an outputSchema without a type', { outputSchema: { description: 'any' } }, /type object/],
  ['an outputSchema of a list', { outputSchema: { type: 'array' } }, /type object/],
  ['an invalid outputSchema', { outputSchema: { type: 'object', required: 1 } }, /not valid/],
  ['an outputSchema that is a text', { outputSchema: 'x' }, /no object/],
  ['a description that is no text', { description: 5 }, /description is no text/],
  ['annotations in a list', { annotations: [] }, /annotations are no object/],
  ['nulls', { description: null, annotations: null, outputSchema: null, title: null }, null],
  ['an inputSchema without a type', { inputSchema: { properties: {} } }, null],
  ['nulls in its inputSchema', { inputSchema: { type: 'object', required: null } }, null],
])('a tool with %s works, and its fault is told', async (_, more, remark) => {
  const [tool] = await listEntries(odd(more), good);
  expect(tool).toMatchObject({ name: 'odd', fault: null });
  expect(tool?.parameters.type).toBe('object');
  if (remark === null) expect(tool?.remark).toBeNull();
  else expect(tool?.remark).toMatch(remark);
});

test('two tools of one name are both listed, and the first can be called', async () => {
  const tools = await listEntries(good, { ...good, description: 'Another.' });
  expect(tools.map(({ name, fault }) => [name, fault === null])).toEqual([
    ['good', true],
    ['good (entry 2)', false],
  ]);
});

test('an entry of many levels hides itself alone', async () => {
  let deep: Json = {};
  for (let level = 0; level < 100_000; level += 1) deep = { items: deep };
  const tools = await listEntries(odd({ inputSchema: deep }), good);
  expect(tools.map(({ fault }) => fault === null)).toEqual([false, true]);
});
