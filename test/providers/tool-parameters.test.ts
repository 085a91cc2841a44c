import { expect, test } from 'vitest';
import type { JsonSchema } from '../../src/json/json.ts';
import { sendableTool } from '../../src/providers/tool-parameters.ts';

const send = (parameters: JsonSchema) =>
  sendableTool({ name: 'ping', description: 'Pings.', parameters });
const id = { type: 'integer' };
const name = { type: 'string' };

test('parameters that vendors accept are sent as they are', () => {
  const parameters = { type: 'object', properties: { id }, required: ['id'] };
  expect(send(parameters).parameters).toBe(parameters);
});

test.each<[string, JsonSchema]>([
  ['an object', { type: 'object' }],
  ['anything', {}],
])('%s without properties gets none', (_, parameters) => {
  expect(send(parameters)).toEqual({
    name: 'ping',
    description: 'Pings.',
    parameters: { type: 'object', properties: {} },
  });
});

test.each(['anyOf', 'oneOf', 'allOf'])('%s at the top becomes one object', (keyword) => {
  const branches = [
    { type: 'object', properties: { id }, required: ['id'] },
    { type: 'object', properties: { id: name, name } },
  ];
  const { description, parameters } = send({ type: 'object', [keyword]: branches });
  expect(parameters).toEqual({ type: 'object', properties: { id, name } });
  expect(description).toContain(JSON.stringify({ [keyword]: branches }));
});
