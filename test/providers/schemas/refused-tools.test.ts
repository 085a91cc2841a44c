import { expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import { refusedTools } from '../../../src/providers/schemas/refused-tools.ts';

const tools = ['a', 'b', 'c'].map((name) => ({ name, description: '', parameters: {} }));

/** Returns the names of the tools that a vendor refuses with this cause. */
const refused = (cause: JsonObject, code: 'invalid_request' | 'not_found' = 'invalid_request') =>
  refusedTools({ code, message: 'refused', retryable: false, cause }, tools).map(
    ({ tool }) => tool,
  );

test.each<[string, JsonObject, string[]]>([
  ['OpenAI', { message: "Invalid schema for function 'b': array schema missing items." }, ['b']],
  ['OpenAI, by the field', { message: 'Invalid.', param: 'tools[2].function.parameters' }, ['c']],
  ['Anthropic', { message: 'tools.1.custom.input_schema: no oneOf at the top level' }, ['b']],
  ['Bedrock', { message: 'The value at toolConfig.tools.0.toolSpec.inputSchema.json' }, ['a']],
  [
    'Gemini, several',
    {
      message:
        'Unknown name "const" at \'tools[0].function_declarations[0].parameters\'. Unknown name "ref" at \'tools[0].function_declarations[2].parameters\'.',
    },
    ['a', 'c'],
  ],
  ['FastAPI', { message: '[{"loc":["body","tools",1,"function"],"msg":"bad"}]' }, ['b']],
])('%s names the tools that it refuses', (_, cause, names) => {
  expect(refused(cause)).toEqual(names);
});

test.each([
  "Invalid 'tools': array too long. Expected an array with maximum length 128, but got an array with length 150 instead.",
  "'tools' : maximum number of items is 128",
  'The proto is invalid: * tools[0].function_declarations: [FIELD_INVALID] At most 128 function declarations can be specified.',
  'This model accepts up to 128 tools per request.',
  'number of tools exceeds 128',
])('the tools after the most that a vendor accepts are left out: %s', (message) => {
  const many = Array.from({ length: 150 }, (_, at) => ({
    name: `tool_${at}`,
    description: '',
    parameters: {},
  }));
  const error = { code: 'invalid_request', message: 'refused', retryable: false } as const;
  const left = refusedTools({ ...error, cause: { message } }, many);
  expect(left.map(({ tool }) => tool)).toEqual(many.slice(128).map(({ name }) => name));
  expect(left[0]?.reason).toContain('the vendor accepts 128 tools, and this request has 150');
});

test('a number of characters is none of tools', () => {
  const message =
    "Invalid 'tools[2].function.description': string too long. Expected a string with maximum length 1024.";
  expect(refused({ message })).toEqual(['c']);
});

test.each<[string, JsonObject]>([
  [
    'the choice of a tool',
    { message: "tool_choice: the tool 'a' has no schema", param: 'tools[0]' },
  ],
  ['a tool of the vendor', { message: "tools[0].tool_type: required one_of 'tool_type'" }],
  ['a message of a tool', { message: "messages with role 'tool' must follow a call. Parameter." }],
  ['an unknown tool', { message: "Invalid schema for function 'z': it is odd." }],
])('a refusal of %s names none', (_, cause) => {
  expect(refused(cause)).toEqual([]);
});

test('an error of another kind names none', () => {
  expect(refused({ message: "Invalid schema for function 'a'." }, 'not_found')).toEqual([]);
});
