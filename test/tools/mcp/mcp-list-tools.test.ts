import type { Client } from '@modelcontextprotocol/client';
import { expect, test } from 'vitest';
import { listServerTools } from '../../../src/tools/mcp/results/list-tools.ts';

/** Returns the listing of one tool with this description. */
async function listTool(description: string) {
  const tool = { name: 'find', description, inputSchema: { type: 'object' } };
  const client = {
    getServerVersion: () => ({ name: 'x', version: '1' }),
    getServerCapabilities: () => ({ tools: {} }),
    request: async () => ({ tools: [tool] }),
  };
  const { tools } = await listServerTools(client as unknown as Client, AbortSignal.timeout(10_000));
  return tools[0];
}

test.each([
  ['U+0000', 'a\u0000b'],
  ['U+0000 behind a backslash', 'a\\\u0000b'],
  ['half of a surrogate pair', 'a\ud800b'],
])('a tool whose description contains %s has a fault', async (_of, description) => {
  expect((await listTool(description))?.fault).toBe(
    'it contains characters that are not allowed in a text',
  );
});

test.each([
  ['\\u0000', 'Removes \\u0000 from a text.'],
  ['\\uD800', 'Replaces \\uD800 and \\\\udfff.'],
  ['\\u200b', 'Removes \\u200b.'],
])('a tool whose description quotes %s as text is accepted', async (_of, description) => {
  expect(await listTool(description)).toMatchObject({
    fault: null,
    description,
    hides_something: false,
  });
});

test('a tool whose description contains an invisible character hides something', async () => {
  expect(await listTool('a\u200bb')).toMatchObject({ fault: null, hides_something: true });
});
