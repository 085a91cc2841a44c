import { describe, expect, test } from 'vitest';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { JsonSchema } from '../../../src/json/json.ts';
import { localProvider } from '../../../src/providers/local.ts';
import { answerOf, modelRequest, orderStatus, tool, unabortedSignal } from '../requests.ts';

const text = { type: 'string' };
const cancelOrder = tool('cancel_order', 'Cancel an order.', { order_id: text });
const orderItems = tool('order_items', 'The items of an order.', { order_id: text });
const customer = tool(
  'customer_profile',
  'A customer by number or e-mail.',
  { customer_id: { type: 'integer' }, email: { type: 'string', format: 'email' } },
  [],
);
const knowledge = tool('knowledge_search', 'Search the handbook of the shop.', { query: text });
const askUser = tool('ask_user', 'Ask the user a question.', { question: text });
const sendMessage = tool('send_message', 'Send a message to a customer.', { message: text });
const sqlQuery = tool('sql_query', 'Run a read-only SQL query.', { query: text });
const weather = tool(
  'get_weather',
  'Weather of a city.',
  { city: text, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } },
  ['city'],
);
const shop = [
  orderStatus,
  cancelOrder,
  orderItems,
  customer,
  knowledge,
  askUser,
  sendMessage,
  sqlQuery,
  weather,
];

async function answer(
  messages: string | Message[],
  tools = shop,
  output_schema: JsonSchema | null = null,
) {
  const request = modelRequest(messages, { tools, output_schema });
  return localProvider().generate(request, { signal: unabortedSignal() });
}

/** Returns the calls made for a question, as `name{arguments}`. */
async function calls(question: string, tools = shop) {
  const { tool_calls } = answerOf(await answer(question, tools));
  return tool_calls.map((call) => call.name + call.arguments);
}

describe('chooses tools by the words of the question', () => {
  test.each([
    ['Where is my order A-1001?', ['order_status{"order_id":"A-1001"}']],
    ['Which items are in order A-1001?', ['order_items{"order_id":"A-1001"}']],
    ['Wo ist meine Bestellung A-1001?', ['order_status{"order_id":"A-1001"}']],
    ['What is your return policy?', ['knowledge_search{"query":"What is your return policy?"}']],
    ['What do you know about customer 4711?', ['customer_profile{"customer_id":4711}']],
    ['Which customer is anna@example.com?', ['customer_profile{"email":"anna@example.com"}']],
    [
      'How is the weather in New York in celsius?',
      ['get_weather{"city":"New York","unit":"celsius"}'],
    ],
    ['Wie ist das Wetter in Köln?', ['get_weather{"city":"Köln"}']],
    ['Hello!', []],
  ])('%s', async (question, expected) => {
    expect(await calls(question)).toEqual(expected);
  });

  test('makes two calls for two identifiers in one answer', async () => {
    expect(await calls('My orders A-1001 and A-1002 have not arrived, please help.')).toEqual([
      'order_status{"order_id":"A-1001"}',
      'order_status{"order_id":"A-1002"}',
    ]);
  });

  test('calls two tools for two questions', async () => {
    const chosen = await calls(
      'What is the status of order A-1001? And how is the weather in Oslo?',
    );
    expect(chosen.sort()).toEqual([
      'get_weather{"city":"Oslo"}',
      'order_status{"order_id":"A-1001"}',
    ]);
  });

  test('does not use an argument that belongs to another tool', async () => {
    expect(await calls('customer 4711 asks for the status of order A-1001')).toEqual(
      expect.arrayContaining([
        'customer_profile{"customer_id":4711}',
        'order_status{"order_id":"A-1001"}',
      ]),
    );
    expect((await calls('Show the last 5 orders')).join()).not.toContain('order_id');
  });

  test('handles a long text before the test times out', async () => {
    const question = `Where is order A-1001? ${'a-'.repeat(30_000)} ${'word1 and '.repeat(30_000)}`;
    expect((await calls(question))[0]).toBe('order_status{"order_id":"A-1001"}');
  });

  test('is deterministic', async () => {
    const question = 'My orders A-1001 and A-1002 have not arrived.';
    expect(await answer(question)).toEqual(await answer(question));
  });
});

describe('changes nothing on a guess', () => {
  test.each([
    ['Cancel order A-1001', true],
    ['Hi, please cancel order A-1001.', true],
    ['I want to cancel order A-1001.', true],
    ['How do I cancel order A-1001?', false],
    ['Can you cancel order A-1001?', false],
    ['Please do not cancel order A-1001.', false],
    ["Don't cancel order A-1001", false],
    ['Please cancel order A-1001?', false],
    ['I do not want to cancel order A-1001.', false],
    ['Where is my order A-1001?', false],
  ])('%s', async (question, cancels) => {
    expect((await calls(question)).some((call) => call.startsWith('cancel_order'))).toBe(cancels);
  });

  test('does not treat a question as SQL, a message to send or a question to ask', async () => {
    const chosen = (await calls('A customer has a question about a message and a query')).join();
    expect(chosen).not.toMatch(/sql_query|send_message|ask_user/);
    expect(await calls('select id from shop.orders', [sqlQuery])).toEqual([
      'sql_query{"query":"select id from shop.orders"}',
    ]);
  });
});

describe('fills in arguments by pattern, format and example', () => {
  const fillIn = async (question: string, schema: object) => {
    const lookup = tool('lookup_thing', 'A thing.', { value: schema as never });
    const { tool_calls } = answerOf(await answer(`thing ${question}`, [lookup]));
    return tool_calls.map((call) => JSON.parse(call.arguments).value);
  };
  test.each<[string, object, unknown[]]>([
    ['a-1001', { type: 'string', pattern: '^[A-Z]-\\d+$' }, ['A-1001']],
    ['#4711', { type: 'string', pattern: '^#\\d+$' }, ['#4711']],
    ['#4711', { type: 'string', pattern: '\\d+' }, ['4711']],
    ['XY-1 and AB12', { type: 'string', examples: ['QQ99'] }, ['AB12']],
    ['x@y.org', { type: 'string', format: 'email' }, ['x@y.org']],
    ['on 3.8.2025', { type: 'string', format: 'date' }, ['2025-08-03']],
    ['see https://example.com/a.', { type: 'string', format: 'uri' }, ['https://example.com/a']],
    ['costs 1,234.5', { type: 'number' }, [1234.5]],
    ['costs 7', { type: 'integer', maximum: 5 }, []],
    ['"Blue Moon"', { type: 'string' }, ['Blue Moon']],
    ['in dark blue', { type: 'string', enum: ['red', 'dark_blue'] }, ['dark_blue']],
    ['A1001, A1002', { type: 'array', items: text, examples: ['Z1'] }, [['A1001', 'A1002']]],
    ['whatever', { type: 'string', pattern: '(' }, []],
    ['whatever', { const: 'fixed' }, ['fixed']],
  ])('fills in %s for %j', async (question, schema, expected) => {
    expect(await fillIn(question, schema)).toEqual(expected);
  });
});

describe('a pattern with catastrophic backtracking', () => {
  const searching = (name: string) =>
    tool(name, 'A thing.', { value: { type: 'string', pattern: '^([a-z]+)+\\d$' } as never });

  test('is abandoned, together with the patterns of all other tools', async () => {
    const tools = Array.from({ length: 40 }, (_, i) => searching(`lookup_thing_${i}`));
    const { tool_calls } = answerOf(await answer(`thing ${'a'.repeat(60)}-`, tools));
    expect(tool_calls).toEqual([]); // the request returned at all
  });

  test('matches a text without backtracking', async () => {
    const { tool_calls } = answerOf(await answer('thing abc7', [searching('lookup_thing')]));
    expect(tool_calls.map((call) => JSON.parse(call.arguments).value)).toEqual(['abc7']);
  });
});

describe('the calculator', () => {
  const calculator = tool('calculator', 'Works out an expression.', {
    expression: { type: 'string', description: 'Such as (19.99 * 3 + 4.5) * 1.19' },
  });
  const choose = async (question: string) =>
    answerOf(await answer(question, [calculator])).tool_calls.map((call) =>
      JSON.parse(call.arguments),
    );

  test.each([
    ['What is 6 * 7?', ['6 * 7']],
    ['What is 7-2?', ['7-2']],
    ['How much is (19.99 × 3 + 4.5) × 1.19, please?', ['(19.99 * 3 + 4.5) * 1.19']],
    ['1,250 / 4 and 2^10?', ['1250 / 4', '2^10']],
  ])('is called with the expression as written: %s', async (question, expressions) => {
    expect(await choose(question)).toEqual(expressions.map((expression) => ({ expression })));
  });

  test.each([
    'Where is order A-1001?',
    'Work out 2026-11-21.',
    'Calculate max(1,200) + 3',
    'At 10:30?',
  ])('is not called for %s', async (question) => expect(await choose(question)).toEqual([]));
});
