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
