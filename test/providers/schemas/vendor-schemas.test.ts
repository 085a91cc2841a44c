import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ModelAnswer, ModelRequest, ToolSchema } from '../../../src/contracts/agents/model.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { aiSdkProvider } from '../../../src/providers/ai-sdk.ts';
import { openaiProvider } from '../../../src/providers/openai.ts';
import { sdkVendor } from '../ai-sdk/sdk-vendors.ts';
import { startVendorServer, type VendorReply, type VendorServer } from '../ai-sdk/vendor-server.ts';
import { answerOf, errorOf, modelRef, modelRequest, orderStatus } from '../requests.ts';
import { ODD_ANSWERS, ODD_PARAMETERS, RECURSIVE } from './odd-schemas.ts';
import { anthropicFaults, geminiFaults, rootFaults, strictFaults } from './published-rules.ts';

let reply: string | VendorReply = '{}';
let openai: FakeServer;
let anthropic: VendorServer;
let google: VendorServer;
let xai: VendorServer;
/** Refusals of the next requests, which are sent before `reply`. */
const refusals: VendorReply[] = [];
const vendorReply = (): VendorReply =>
  refusals.shift() ?? (typeof reply === 'string' ? { words: reply.split(/(?<= )/) } : reply);

function refuseNext(error: JsonObject): void {
  refusals.push({ status: 400, raw: JSON.stringify({ error }) });
  reply = 'fine';
}

beforeAll(async () => {
  openai = await startOpenAiServer(() => openAiReply(refusals.shift() ?? reply));
  anthropic = await startVendorServer('anthropic', vendorReply);
  google = await startVendorServer('google', vendorReply);
  xai = await startVendorServer('responses', vendorReply);
});
afterAll(() => Promise.all([openai, anthropic, google, xai].map((server) => server.close())));

function openAiReply(given: string | VendorReply) {
  if (typeof given === 'string') return { content: given };
  if (!('status' in given)) throw new Error('not an error');
  return { status: given.status, raw: given.raw };
}

type Vendor = 'openai' | 'openai-compatible' | 'anthropic' | 'google' | 'xai';

/** Calls a vendor, and returns the outcome, the bodies that it received, and the streamed text. */
async function call(vendor: Vendor, request: Partial<ModelRequest>, params: JsonObject = {}) {
  const servers = { openai, 'openai-compatible': openai, anthropic, google, xai };
  const server = servers[vendor];
  server.requests.length = 0;
  const isOurs = vendor === 'openai' || vendor === 'openai-compatible';
  const provider = isOurs
    ? openaiProvider({ env: {} })
    : aiSdkProvider({ vendor: sdkVendor(vendor) });
  const row = { provider: vendor, base_url: server.url, secret_name: 'x', request_params: params };
  let streamed = '';
  const outcome = await provider.generate(
    modelRequest('Hello', { ...request, model: modelRef(row) }),
    {
      signal: AbortSignal.timeout(30_000),
      key: 'sk-test-1234',
      onToken: (text) => {
        streamed += text;
      },
    },
  );
  return { outcome, bodies: server.requests.map(({ body }) => body), streamed };
}

type WireTool = { parameters: JsonObject; name: string; strict?: boolean };

/** Returns the tools in a body, whatever the format of the vendor. */
function toolsIn(body: JsonObject | undefined): WireTool[] {
  const tools = (body?.tools ?? []) as Record<string, never>[];
  return tools.flatMap((tool: JsonObject) => {
    if (tool.functionDeclarations) {
      return (tool.functionDeclarations as JsonObject[]).map((one) => ({
        name: String(one.name),
        parameters: one.parametersJsonSchema as JsonObject,
      }));
    }
    if (tool.input_schema) {
      return [{ name: String(tool.name), parameters: tool.input_schema as JsonObject }];
    }
    return [(tool.function ?? tool) as WireTool];
  });
}

const toolWith = (parameters: JsonObject): ToolSchema => ({
  name: 'odd',
  description: 'An odd tool.',
  parameters,
});

const RULES: Readonly<Record<Exclude<Vendor, 'xai'>, (schema: JsonObject) => string[]>> = {
  openai: rootFaults,
  'openai-compatible': rootFaults,
  anthropic: anthropicFaults,
  google: geminiFaults,
};
const vendors = Object.keys(RULES) as (keyof typeof RULES)[];

describe.each(vendors)('tools for %s', (vendor) => {
  test.each(Object.keys(ODD_PARAMETERS))('with %s follow the published rules', async (name) => {
    reply = 'fine';
    const tool = toolWith(ODD_PARAMETERS[name] as JsonObject);
    const before = JSON.stringify(tool);
    const { outcome, bodies } = await call(vendor, { tools: [tool, orderStatus] });
    expect(answerOf(outcome).left_out_tools).toBeUndefined();
    const [odd, good] = toolsIn(bodies[0]);
    expect(RULES[vendor](odd?.parameters as JsonObject)).toEqual([]);
    expect(odd?.parameters).toMatchObject({ type: 'object', properties: {} });
    expect(good?.parameters).toMatchObject(orderStatus.parameters);
    expect(JSON.stringify(tool)).toBe(before);
  });
});

describe('the strict mode of OpenAI', () => {
  const params = { strict: true };

  test.each(Object.keys(ODD_PARAMETERS))('%s is strict, or sent as before', async (name) => {
    reply = 'fine';
    const tools = [toolWith(ODD_PARAMETERS[name] as JsonObject)];
    const { bodies } = await call('openai', { tools }, params);
    const [tool] = toolsIn(bodies[0]);
    const rules = tool?.strict ? strictFaults : rootFaults;
    expect(rules(tool?.parameters as JsonObject)).toEqual([]);
    expect(bodies[0]).not.toHaveProperty('strict');
    expect(tool?.strict).toBe(/maps|formats|merge|nothing at all/.test(name) ? undefined : true);
  });

  test('nulls that the strict form added are left out of the answer', async () => {
    reply = '{"a": null, "b": null, "c": {"d": null, "e": 9007199254740993}}';
    const output_schema = {
      type: 'object',
      properties: {
        a: { type: 'integer' },
        b: { type: ['integer', 'null'] },
        c: { type: 'object', properties: { d: { type: 'string' }, e: { type: 'integer' } } },
      },
    };
    const { outcome, bodies } = await call('openai', { output_schema }, params);
    expect(answerOf(outcome).content).toBe('{"b":null,"c":{"e":9007199254740993}}');
    const format = bodies[0]?.response_format as { json_schema: JsonObject };
    expect(format.json_schema.strict).toBe(true);
    expect(strictFaults(format.json_schema.schema as JsonObject)).toEqual([]);
  });
});

describe('answers', () => {
  test.each(Object.entries(ODD_ANSWERS))(
    'a %s is wrapped and unwrapped',
    async (_, [schema, value]) => {
      for (const vendor of ['openai', 'openai-compatible', 'xai'] as const) {
        reply = '{}';
        const { bodies } = await call(vendor, { output_schema: schema });
        const text = JSON.stringify(bodies[0]);
        const name = /"required":\["(\w+)"\]/.exec(text)?.[1];
        reply = `\n{ "${name}": ${value} }\n`;
        const { outcome, streamed, bodies: again } = await call(vendor, { output_schema: schema });
        expect(answerOf(outcome).content, vendor).toBe(value);
        expect(streamed).toBe(value);
        if (vendor === 'xai') continue;
        const format = again[0]?.response_format as { json_schema: { schema: JsonObject } };
        expect(rootFaults(format.json_schema.schema)).toEqual([]);
      }
    },
  );

  test.each(Object.entries(ODD_ANSWERS))(
    'a %s of a server that ignores the wrapper stays',
    async (_, [schema, value]) => {
      reply = value;
      const { outcome, streamed } = await call('openai', { output_schema: schema });
      expect(answerOf(outcome).content).toBe(value);
      expect(streamed).toBe(value);
    },
  );

  test('a list of Anthropic is wrapped in an object', async () => {
    const output_schema = { type: 'array', items: { type: 'integer', minimum: 0 } };
    reply = '{"answer": [1]}';
    const { outcome, bodies } = await call('anthropic', { output_schema });
    const sent = bodies[0]?.output_config as { format?: { schema: JsonObject } } | undefined;
    const schema = sent?.format?.schema ?? toolsIn(bodies[0])[0]?.parameters;
    expect(rootFaults(schema as JsonObject)).toEqual([]);
    expect(schema?.required).toEqual(['answer']);
    if (sent?.format) expect(answerOf(outcome).content).toBe('[1]');
  });

  test('a list of Gemini is sent as one', async () => {
    const output_schema = { type: 'array', items: { const: 'a' }, uniqueItems: true };
    reply = '["a"]';
    const { outcome, bodies } = await call('google', { output_schema });
    expect(answerOf(outcome).content).toBe('["a"]');
    const config = bodies[0]?.generationConfig as JsonObject;
    expect(config.responseJsonSchema).toEqual({
      type: 'array',
      items: { type: 'string', enum: ['a'] },
      description: 'Must also satisfy this JSON Schema: {"uniqueItems":true}',
    });
  });

  test('an object is sent as it is stored', async () => {
    reply = '{}';
    const output_schema = { type: 'object', properties: { a: { type: 'string', minLength: 3 } } };
    const { bodies } = await call('openai', { output_schema });
    expect(bodies[0]?.response_format).toMatchObject({
      json_schema: { schema: output_schema, strict: false },
    });
  });

  test('Gemini gets a recursive schema in words', async () => {
    reply = '{}';
    const { outcome, bodies } = await call('google', { output_schema: RECURSIVE });
    expect(answerOf(outcome).warnings?.join()).toMatch(/refers to itself/);
    expect(JSON.stringify(bodies[0]?.systemInstruction)).toContain('#/$defs/node');
    expect(bodies[0]?.generationConfig).not.toHaveProperty('responseJsonSchema');
  });
});

describe('a tool that cannot be sent', () => {
  test('is left out for the vendor that does not accept it, and for no other', async () => {
    reply = 'fine';
    const tools = [toolWith(RECURSIVE), orderStatus];
    const gemini = await call('google', { tools });
    expect(answerOf(gemini.outcome).left_out_tools).toEqual([
      { tool: 'odd', reason: expect.stringMatching(/refers to itself/) },
    ]);
    expect(toolsIn(gemini.bodies[0]).map(({ name }) => name)).toEqual(['order_status']);
    const other = await call('anthropic', { tools });
    expect(answerOf(other.outcome).left_out_tools).toBeUndefined();
    expect(toolsIn(other.bodies[0])).toHaveLength(2);
  });

  test.each<[string, JsonObject, RegExp]>([
    ['an unknown type', { type: 'object', properties: { a: { type: 'strin' } } }, /not valid/],
    ['a reference to nothing', { type: 'object', properties: { a: { $ref: '#/x' } } }, /exist/],
    ['a reference elsewhere', { type: 'object', $ref: 'https://example.com/x' }, /not part/],
    ['a list', { type: 'array' }, /no object/],
    [
      'far too much',
      { type: 'object', properties: { a: { type: 'string', description: 'x'.repeat(300_000) } } },
      /characters/,
    ],
  ])('because it has %s is named', async (_, parameters, reason) => {
    reply = 'fine';
    const tools = [toolWith(parameters), orderStatus];
    for (const vendor of vendors) {
      const { outcome, bodies } = await call(vendor, { tools });
      const answer: ModelAnswer = answerOf(outcome);
      expect(answer.left_out_tools?.[0], vendor).toMatchObject({
        tool: 'odd',
        reason: expect.stringMatching(reason),
      });
      expect(toolsIn(bodies[0])).toHaveLength(1);
    }
  });

  test('and has to be called fails the request before it is sent', async () => {
    const tools = [toolWith({ type: 'array' })];
    const { outcome, bodies } = await call('openai', { tools, tool_choice: 'odd' });
    expect(errorOf(outcome)).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/The tool odd, .*no object/),
    });
    expect(bodies).toEqual([]);
  });

  test.each<[Vendor, JsonObject]>([
    ['openai', { message: "Invalid schema for function 'odd': schema must be better." }],
    ['openai', { message: 'Invalid value.', param: 'tools[0].function.parameters' }],
    ['anthropic', { message: 'tools.0.custom.input_schema: JSON schema is invalid.' }],
    [
      'google',
      {
        status: 'INVALID_ARGUMENT',
        message:
          '* GenerateContentRequest.tools[0].function_declarations[0].parameters.required[0]: property is not defined',
      },
    ],
  ])('since %s refused it is left out, at once and later', async (vendor, error) => {
    const tools = [toolWith({ type: 'object', properties: {} }), orderStatus];
    refuseNext(error);
    const { outcome, bodies } = await call(vendor, { tools });
    expect(answerOf(outcome)).toMatchObject({
      content: 'fine',
      left_out_tools: [{ tool: 'odd', reason: expect.stringMatching(/the vendor refused it/) }],
    });
    expect(bodies.map((body) => toolsIn(body).length)).toEqual([2, 1]);
    const later = await call(vendor, { tools });
    expect(later.bodies.map((body) => toolsIn(body).length)).toEqual([1]);
  });

  test('since there are too many tools is left out', async () => {
    const tools = Array.from({ length: 130 }, (_, at) => ({
      ...toolWith({ type: 'object', properties: {} }),
      name: `tool_${at}`,
    }));
    refuseNext({ message: "'tools' : maximum number of items is 128" });
    const { outcome, bodies } = await call('openai', { tools });
    const reason = expect.stringContaining(
      'the vendor accepts 128 tools, and this request has 130',
    );
    expect(answerOf(outcome)).toMatchObject({
      content: 'fine',
      left_out_tools: [
        { tool: 'tool_128', reason },
        { tool: 'tool_129', reason },
      ],
    });
    expect(bodies.map((body) => toolsIn(body).length)).toEqual([130, 128]);
  });
});
