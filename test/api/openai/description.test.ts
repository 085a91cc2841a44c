import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type OpenAiFixture, openOpenAiFixture, WEATHER } from './support.ts';

/** OpenAI's own description of its API, with which our answers are compared. */
const FILE = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'openai-openapi', 'openai_subset.json');
const hasFile = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(FILE);

/** Translates `nullable` of OpenAPI 3.0 to JSON Schema, also beside a `$ref`. */
// biome-ignore lint/suspicious/noExplicitAny: any JSON
function withNulls(node: any): any {
  if (Array.isArray(node)) return node.map(withNulls);
  if (node === null || typeof node !== 'object') return node;
  const { nullable, discriminator: _, ...rest } = node;
  const schema = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, withNulls(value)]),
  );
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}

describe.skipIf(!hasFile)(
  'the OpenAPI description published by OpenAI (HOWDAH_TEST_ASSETS)',
  () => {
    let fixture: OpenAiFixture;
    let ajv: Ajv2020;
    beforeAll(async () => {
      fixture = await openOpenAiFixture();
      const { components } = JSON.parse(readFileSync(FILE, 'utf8'));
      ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false });
      ajv.addSchema({ $id: 'openai', components: withNulls(components) });
    });
    afterAll(() => fixture?.close());

    const schemas = new Map<string, ValidateFunction>();
    function expectToBe(name: string, value: unknown): void {
      const validate =
        schemas.get(name) ?? ajv.compile({ $ref: `openai#/components/schemas/${name}` });
      schemas.set(name, validate);
      const isValid = validate(value);
      expect(isValid ? [] : [JSON.stringify(value), ...(validate.errors ?? [])]).toEqual([]);
    }
    async function ask(path: string, body?: object): Promise<Response> {
      const response = await fetch(`${fixture.api.url}/v1/${path}`, {
        method: body ? 'POST' : 'GET',
        headers: { 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      return response;
    }
    const json = async (path: string, body?: object) => (await ask(path, body)).json();
    const events = async (path: string, body: object) =>
      (await (await ask(path, { ...body, stream: true })).text())
        .split('\n\n')
        .flatMap((frame) => frame.split('\n').filter((line) => line.startsWith('data: ')))
        .map((line) => line.slice('data: '.length));

    const helper = () =>
      fixture.agent((_request, messages) =>
        messages.at(-1)?.role === 'user' && String(messages.at(-1)?.content).includes('weather')
          ? {
              content: 'I look.',
              tool_calls: [{ name: 'get_weather', arguments: { city: 'Oslo' } }],
            }
          : { content: 'It is a fine day.' },
      );
    const chats = (model: string) => {
      const tools = [{ type: 'function', function: WEATHER }];
      return ['Hello.', 'How is the weather?'].map((content) => ({
        model,
        messages: [{ role: 'user', content }],
        tools,
        stream_options: { include_usage: true },
      }));
    };
    const turns = (model: string) =>
      ['Hello.', 'How is the weather?'].map((input) => ({
        model,
        input,
        instructions: 'Be brief.',
        metadata: { a: 'b' },
        tools: [{ type: 'function', strict: true, ...WEATHER }],
      }));

    test('accepts our completions and their chunks', async () => {
      const model = await helper();
      for (const { stream_options, ...request } of chats(model)) {
        expectToBe('CreateChatCompletionRequest', request);
        expectToBe('CreateChatCompletionResponse', await json('chat/completions', request));
        const lines = await events('chat/completions', { ...request, stream_options });
        expect(lines.pop()).toBe('[DONE]');
        expect(lines.length).toBeGreaterThan(3);
        for (const line of lines)
          expectToBe('CreateChatCompletionStreamResponse', JSON.parse(line));
      }
    });

    test('accepts our responses and their events', async () => {
      const model = await helper();
      const broken = await fixture.agent(() => ({ status: 400, error: { message: 'no' } }));
      for (const request of [...turns(model), ...turns(broken)]) {
        expectToBe('CreateResponse', request);
        expectToBe('Response', await json('responses', request));
        const lines = await events('responses', request);
        expect(lines.length).toBeGreaterThanOrEqual(3);
        for (const line of lines) expectToBe('ResponseStreamEvent', JSON.parse(line));
      }
    });

    test('accepts our models and our errors', async () => {
      expectToBe('ListModelsResponse', await json('models'));
      expectToBe('Model', await json('models/development'));
      expectToBe('ErrorResponse', await json('models/nobody'));
      expectToBe('ErrorResponse', await json('responses', { model: 'development' }));
      expectToBe(
        'ErrorResponse',
        await json('chat/completions', { model: 'nobody', messages: [] }),
      );
    });

    test('rejects an invalid answer', async () => {
      const none = { id: 'a', object: 'chat.completion', created: 1, model: 'a' };
      expect(() => expectToBe('CreateChatCompletionResponse', none)).toThrow();
      expect(() => expectToBe('ResponseStreamEvent', { type: 'response.created' })).toThrow();
    });
  },
);
