import { expect, test } from 'vitest';
import type { JsonSchema } from '../../../src/json/json.ts';
import { fitTools } from '../../../src/providers/schemas/fit-tools.ts';
import { OPENAI } from '../../../src/providers/schemas/rules.ts';

const send = (parameters: JsonSchema) => {
  const [tool] = fitTools([{ name: 'ping', description: 'Pings.', parameters }], OPENAI).tools;
  if (!tool) throw new Error('the tool was left out');
  return tool;
};
const id = { type: 'integer' };
const name = { type: 'string' };

test('parameters that vendors accept are sent as they are', () => {
  const parameters = { type: 'object', properties: { id }, required: ['id'] };
  expect(send(parameters).parameters).toEqual(parameters);
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
