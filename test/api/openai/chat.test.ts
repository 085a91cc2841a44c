import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { expectEqualReplay } from '../../runtime/replay/replay-runs.ts';
import { one } from '../../sql/support.ts';
import { createGate } from '../../support/gate.ts';
import { until } from '../harness.ts';
import { type OpenAiFixture, openOpenAiFixture, WEATHER } from './support.ts';

let fixture: OpenAiFixture;
beforeAll(async () => {
  fixture = await openOpenAiFixture();
});
afterAll(() => fixture?.close());

const userMessages = (content: string) => [{ role: 'user' as const, content }];
const tools = [{ type: 'function' as const, function: WEATHER }];
const runOf = (id: string) =>
  one(
    fixture.db.pool,
    `select e.* from howdah.executions as e where replace(e.id::text, '-', '') = $1`,
    [id.replace('chatcmpl-', '')],
  );
async function streamCompletion(
  model: string,
  messages: OpenAI.ChatCompletionMessageParam[],
  more: Partial<OpenAI.ChatCompletionCreateParamsStreaming> = {},
) {
  const chunks: OpenAI.ChatCompletionChunk[] = [];
  const stream = await fixture.client.chat.completions.create({
    model,
    messages,
    stream: true,
    ...more,
  });
  for await (const chunk of stream) chunks.push(chunk);
  const text = chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
  return { chunks, text };
}

describe('a chat completion', () => {
  test('returns the output of a run with its token counts', async () => {
    const model = await fixture.agent(() => ({ content: 'It left on Monday.' }));
    const completion = await fixture.client.chat.completions.create({
      model,
      messages: userMessages('Where is A-1001?'),
      metadata: { order: 'A-1001' },
      user: 'ada',
    });
    expect(completion).toMatchObject({
      object: 'chat.completion',
      model,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'It left on Monday.', refusal: null },
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 },
    });
    expect(await runOf(completion.id)).toMatchObject({
      status: 'completed',
      input: 'Where is A-1001?',
      history: null,
      session_id: null,
      metadata: { order: 'A-1001', user: 'ada' },
    });
  });

  test('streams token by token from the first step on, with usage on request', async () => {
    const gate = createGate();
    const model = await fixture.agent(async ({ left }) => {
      await gate.pass(left);
      return { content: 'One two three four.' };
    });
    gate.allow(1);
    const { chunks, text } = await streamCompletion(model, userMessages('Count.'), {
      stream_options: { include_usage: true },
    });
    expect(text).toBe('One two three four.');
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.at(-2)?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: 18 } });
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test('comes after calls of agent tools, which are hidden from the client', async () => {
    const model = await fixture.agent(
      (_request, messages) =>
        messages.at(-1)?.role === 'tool'
          ? { content: 'It is 42.' }
          : {
              content: 'I count.',
              tool_calls: [{ name: 'calculator', arguments: { expression: '6 * 7' } }],
            },
      {},
      ['calculator'],
    );
    const completion = await fixture.client.chat.completions.create({
      model,
      messages: userMessages('?'),
    });
    expect(completion.choices[0]).toMatchObject({
      message: { content: 'It is 42.' },
      finish_reason: 'stop',
    });
    expect(completion.usage).toMatchObject({ prompt_tokens: 22, completion_tokens: 14 });
    expect((await streamCompletion(model, userMessages('?'))).text).toBe('I count.\n\nIt is 42.');
  });

  test('of a workflow is its whole output', async () => {
    const first = await fixture.agent(() => ({ content: 'Rough.' }));
    const second = await fixture.agent(() => ({ content: 'Polished.' }));
    const { id } = await one(
      fixture.db.pool,
      `insert into howdah.workflows (name, type) values ('polish', 'chain') returning id`,
    );
    await fixture.db.pool.query(
      `insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order)
       values ($1, howdah.agent($2), 1), ($1, howdah.agent($3), 2)`,
      [id, first, second],
    );
    const whole = await fixture.client.chat.completions.create({
      model: 'polish',
      messages: userMessages('Write.'),
    });
    expect(whole.choices[0]?.message.content).toBe('Polished.');
    expect(whole.usage?.total_tokens).toBe(36);
    expect((await streamCompletion('polish', userMessages('Write.'))).text).toBe('Polished.');
  });
});

describe('the conversation', () => {
  test('comes from the client messages, and only the last one is the input', async () => {
    const model = await fixture.agent(() => ({ content: 'Blue.' }));
    const completion = await fixture.client.chat.completions.create({
      model,
      messages: [
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'Which colours are there?' },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'x1', type: 'function', function: { name: 'colours', arguments: '{}' } },
          ],
        },
        { role: 'tool', tool_call_id: 'x1', content: 'red, blue' },
        { role: 'assistant', content: 'Red and blue.' },
        { role: 'user', content: [{ type: 'text', text: 'The second?' }] },
      ],
    });
    const [sent] = fixture.messagesOf(model);
    expect(sent?.map(({ role, content }) => [role, content])).toEqual([
      ['system', `I am ${model}.`],
      ['system', 'Be brief.'],
      ['user', 'Which colours are there?'],
      ['assistant', expect.toBeOneOf(['', null])],
      ['tool', 'red, blue'],
      ['assistant', 'Red and blue.'],
      ['user', 'The second?'],
    ]);
    const run = await runOf(completion.id);
    // contains a tool result reported by the client
    expect(run).toMatchObject({ input: 'The second?', trust: 'external' });
    const { count } = await one(
      fixture.db.pool,
      'select count(*)::int as count from howdah.messages where execution_id = $1',
      [run.id],
    );
    // the input and the answer; earlier messages of the client are not logged
    expect(count).toBe(2);
  });

  test('includes images', async () => {
    const model = await fixture.agent(() => ({ content: 'A cat.' }));
    const url = 'data:image/png;base64,iVBORw0KGgo=';
    await fixture.client.chat.completions.create({
      model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is it?' },
            { type: 'image_url', image_url: { url } },
          ],
        },
      ],
    });
    expect(fixture.messagesOf(model)[0]?.at(-1)?.content).toEqual([
      { type: 'text', text: 'What is it?' },
      { type: 'image_url', image_url: { url } },
    ]);
  });

  test('continues after a question to a person as after any other answer', async () => {
    const model = await fixture.agent(
      (_request, messages) =>
        messages.some(({ content }) => content === 'Red.')
          ? { content: 'Painted red.' }
          : { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which colour?' } }] },
      { human_input: true },
    );
    const messages: OpenAI.ChatCompletionMessageParam[] = [...userMessages('Paint it.')];
    const completion = await fixture.client.chat.completions.create({ model, messages });
    expect(completion.choices[0]).toMatchObject({
      message: { content: 'Which colour?' },
      finish_reason: 'stop',
    });
    expect((await runOf(completion.id)).status).toBe('cancelled'); // else it would wait for ever
    messages.push({ role: 'assistant', content: 'Which colour?' }, ...userMessages('Red.'));
    expect((await streamCompletion(model, messages)).text).toBe('Painted red.');
    expect((await streamCompletion(model, userMessages('Paint it.'))).text).toBe('Which colour?');
  });
});

describe('client tools', () => {
  const forecaster = () =>
    fixture.agent((_request, messages) => {
      const results = messages.filter(({ role }) => role === 'tool').map(({ content }) => content);
      return results.length > 0
        ? { content: `It is ${results.join(' and ')}.` }
        : {
            tool_calls: ['Oslo', 'Rome'].map((city, index) => ({
              id: `c${index}`,
              name: 'get_weather',
              arguments: { city },
            })),
          };
    });

  test('are called by the client, and the run continues with the results, even after a restart', async () => {
    const model = await forecaster();
    const messages: OpenAI.ChatCompletionMessageParam[] = [...userMessages('How is the weather?')];
    const completion = await fixture.client.chat.completions.create({ model, messages, tools });
    const [choice] = completion.choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    const calls = choice?.message.tool_calls ?? [];
    expect(calls.map((call) => (call.type === 'function' ? call.function : undefined))).toEqual([
      { name: 'get_weather', arguments: '{"city":"Oslo"}' },
      { name: 'get_weather', arguments: '{"city":"Rome"}' },
    ]);
    expect(completion.usage?.total_tokens).toBe(18);
    const run = await runOf(completion.id);
    expect(run).toMatchObject({ status: 'waiting', waiting_for: 'question' });
    await fixture.restartWorker();
    const [oslo, rome] = calls;
    messages.push(
      choice?.message as OpenAI.ChatCompletionMessageParam,
      { role: 'tool', tool_call_id: rome?.id ?? '', content: '31' },
      { role: 'tool', tool_call_id: oslo?.id ?? '', content: '' },
    );
    const request = { model, messages, tools };
    const done = await fixture.client.chat.completions.create(request);
    expect(done.id).toBe(completion.id);
    expect(done.choices[0]?.message.content).toBe('It is  and 31.');
    expect(done.usage?.total_tokens).toBe(18);
    // a retry of a client that lost the answer
    const again = await fixture.client.chat.completions.create(request);
    expect(again).toEqual(done);
    expect(fixture.messagesOf(model)).toHaveLength(2);
    // depends on no declaration of the client
    expect((await runOf(done.id)).trust).toBe('external');
    await expectEqualReplay(fixture.db.pool, run.id); // the replay is equal
  });

  test('are streamed', async () => {
    const model = await forecaster();
    const { chunks } = await streamCompletion(model, userMessages('Weather?'), { tools });
    const calls = chunks.flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? []);
    expect(calls).toMatchObject([
      { index: 0, type: 'function', function: { name: 'get_weather' } },
      { index: 1 },
    ]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
    const results = calls.map(({ id = '' }) => ({
      role: 'tool' as const,
      tool_call_id: id,
      content: 'dry',
    }));
    const messages = [...userMessages('Weather?'), ...results];
    expect((await streamCompletion(model, messages)).text).toBe('It is dry and dry.');
  });

  test('are rejected if a name collides, a result is missing or no run waits', async () => {
    const model = await forecaster();
    const calculator = [{ type: 'function' as const, function: { name: 'calculator' } }];
    const counting = await fixture.agent(() => ({ content: '' }), {}, ['calculator']);
    const { chat } = fixture.client;
    await expect(
      chat.completions.create({ model: counting, messages: userMessages('?'), tools: calculator }),
    ).rejects.toMatchObject({
      status: 400,
      param: 'tools[0]',
      message: expect.stringMatching(/^400 tools\[0\]/),
    });
    const url = 'http://pictures.example.com/a.png';
    const picture = [{ type: 'image_url' as const, image_url: { url } }];
    await expect(
      chat.completions.create({ model, messages: [{ role: 'user', content: picture }] }),
    ).rejects.toMatchObject({ status: 400, param: 'content.image_url.url' });
    const completion = await chat.completions.create({ model, messages: userMessages('?'), tools });
    const [call] = completion.choices[0]?.message.tool_calls ?? [];
    const result = (tool_call_id: string) => ({
      model,
      messages: [...userMessages('?'), { role: 'tool' as const, tool_call_id, content: 'dry' }],
    });
    await expect(chat.completions.create(result(call?.id ?? ''))).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('a tool result is missing'),
    });
    await expect(chat.completions.create(result('call_1'))).rejects.toMatchObject({
      status: 400,
      param: 'messages[1].tool_call_id',
    });
    await expect(chat.completions.create(result(`call_${'0'.repeat(32)}`))).rejects.toMatchObject({
      status: 404,
      param: 'tool_call_id',
    });
    expect((await runOf(completion.id)).status).toBe('waiting');
  });
});

describe('a run without an answer', () => {
  test('is an error that clients do not retry', async () => {
    const model = await fixture.agent(() => ({ status: 400, error: { message: 'no such thing' } }));
    const completion = fixture.client.chat.completions.create(
      { model, messages: userMessages('?') },
      { maxRetries: 3 },
    );
    await expect(completion).rejects.toMatchObject({
      status: 500,
      type: 'server_error',
      code: 'invalid_request',
      message: expect.stringContaining('no such thing'),
    });
    expect(fixture.messagesOf(model)).toHaveLength(1);
    await expect(streamCompletion(model, userMessages('?'))).rejects.toMatchObject({
      message: expect.stringContaining('no such thing'),
    });
  });
});

describe('a client that disconnects', () => {
  const slow = async (headers: Record<string, string>) => {
    const gate = createGate();
    const model = await fixture.agent(async ({ left }) => {
      await gate.pass(left);
      return { content: 'Done.' };
    });
    const leaving = new AbortController();
    const completion = fixture.client.chat.completions.create(
      { model, messages: userMessages('?') },
      { signal: leaving.signal, headers },
    );
    await until(() => fixture.messagesOf(model).length === 1);
    leaving.abort();
    await expect(completion).rejects.toThrow();
    const { id } = await one(
      fixture.db.pool,
      'select id from howdah.executions where agent_id = howdah.agent($1)',
      [model],
    );
    const status = async () =>
      (await one(fixture.db.pool, 'select status from howdah.executions where id = $1', [id]))
        .status;
    return { gate, status };
  };

  test('lets the run continue', async () => {
    const { gate, status } = await slow({});
    gate.allow(1);
    await until(async () => (await status()) === 'completed');
  });

  test('cancels the run when the request demands it', async () => {
    const { gate, status } = await slow({ 'X-Howdah-On-Disconnect': 'cancel' });
    await until(async () => (await status()) === 'cancelled');
    gate.allow(1);
  });
});
