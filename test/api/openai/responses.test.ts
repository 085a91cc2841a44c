import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { all, one } from '../../sql/support.ts';
import { type OpenAiFixture, openOpenAiFixture, WEATHER } from './support.ts';

let fixture: OpenAiFixture;
beforeAll(async () => {
  fixture = await openOpenAiFixture();
});
afterAll(() => fixture?.close());

type Request = OpenAI.Responses.ResponseCreateParamsNonStreaming;
const ask = (request: Request) => fixture.client.responses.create(request);
async function streamResponse(request: Request) {
  const events: OpenAI.Responses.ResponseStreamEvent[] = [];
  for await (const event of await fixture.client.responses.create({ ...request, stream: true })) {
    events.push(event);
  }
  const last = events.at(-1);
  return { events, response: last && 'response' in last ? last.response : undefined };
}
const runOf = (id: string) =>
  one(
    fixture.db.pool,
    `select e.* from howdah.executions as e where replace(e.id::text, '-', '') = $1`,
    [id.split('_')[1] ?? ''],
  );
const words = (sent: { role: string; content: unknown }[] | undefined) =>
  sent?.map(({ role, content }) => `${role}: ${content}`);
/** Answers with the number of messages received, without the prompt. */
const makeCountingAgent = () =>
  fixture.agent((_request, messages) => ({ content: `I know ${messages.length - 1}.` }));
const tools = [{ type: 'function' as const, strict: false, ...WEATHER }];

describe('a response', () => {
  test('is the answer of a run with its token counts', async () => {
    const model = await makeCountingAgent();
    const response = await ask({ model, input: 'Hello.', metadata: { a: 'b' } });
    expect(response).toMatchObject({
      object: 'response',
      status: 'completed',
      model,
      error: null,
      output_text: 'I know 1.',
      output: [{ type: 'message', role: 'assistant', status: 'completed' }],
      usage: { input_tokens: 11, output_tokens: 7, total_tokens: 18 },
      metadata: { a: 'b' },
    });
    expect(await runOf(response.id)).toMatchObject({ status: 'completed', metadata: { a: 'b' } });
  });

  test('streams numbered events for each item from start to end', async () => {
    const model = await fixture.agent(
      (_request, messages) =>
        messages.at(-1)?.role === 'tool'
          ? { content: 'It is forty-two.' }
          : {
              content: 'I count.',
              tool_calls: [{ name: 'calculator', arguments: { expression: '6 * 7' } }],
            },
      {},
      ['calculator'],
    );
    const { events, response } = await streamResponse({ model, input: 'Count.' });
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, n) => n));
    const kinds = events.map(({ type }) => type);
    expect(kinds.filter((type, at) => type !== kinds[at - 1])).toEqual([
      'response.created',
      'response.in_progress',
      ...[1, 2].flatMap(() => [
        'response.output_item.added',
        'response.content_part.added',
        'response.output_text.delta',
        'response.output_text.done',
        'response.content_part.done',
        'response.output_item.done',
      ]),
      'response.completed',
    ]);
    const deltas = events.flatMap((event) =>
      event.type === 'response.output_text.delta' ? [event.delta] : [],
    );
    expect(deltas.join('')).toBe('I count.It is forty-two.');
    expect(response?.output).toMatchObject([
      { phase: 'commentary', content: [{ text: 'I count.' }] },
      { phase: 'final_answer', content: [{ text: 'It is forty-two.' }] },
    ]);
    const whole = await ask({ model, input: 'Count.' });
    const outputWithoutIds = ({ output }: OpenAI.Responses.Response) =>
      output.map((item) => ({ ...item, id: '' }));
    expect(outputWithoutIds(whole)).toEqual(
      outputWithoutIds(response as OpenAI.Responses.Response),
    );
  });

  test('reports that its run failed or exhausted its token budget', async () => {
    const broken = await fixture.agent(() => ({
      status: 400,
      error: { message: 'no such thing' },
    }));
    expect(await ask({ model: broken, input: '?' })).toMatchObject({
      status: 'failed',
      error: { code: 'server_error', message: expect.stringContaining('no such thing') },
    });
    expect((await streamResponse({ model: broken, input: '?' })).events.at(-1)?.type).toBe(
      'response.failed',
    );
    const poor = await fixture.agent(
      () => ({ tool_calls: [{ name: 'calculator', arguments: { expression: '1' } }] }),
      { max_tokens: 10 },
      ['calculator'],
    );
    expect(await ask({ model: poor, input: '?' })).toMatchObject({
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
    });
  });
});

describe('the conversation', () => {
  test('continues from the previous response in one session; instructions apply to one turn', async () => {
    const model = await makeCountingAgent();
    const first = await ask({ model, instructions: 'Be brief.', input: 'One.' });
    const second = await ask({ model, input: 'Two.', previous_response_id: first.id });
    const third = await ask({
      model,
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'Three.' }] }],
      previous_response_id: second.id,
    });
    expect(third.previous_response_id).toBe(second.id);
    expect(words(fixture.messagesOf(model).at(-1))).toEqual([
      `system: I am ${model}.`,
      'user: One.',
      'assistant: I know 2.',
      'user: Two.',
      'assistant: I know 3.',
      'user: Three.',
    ]);
    const runs = await Promise.all([first, second, third].map(({ id }) => runOf(id)));
    expect(new Set(runs.map(({ session_id }) => session_id)).size).toBe(1);
    expect(runs.map(({ turn }) => turn)).toEqual([1, 2, 3]);
  });

  test('branches from an earlier response, and from one that was not stored', async () => {
    const model = await makeCountingAgent();
    const first = await ask({ model, input: 'One.' });
    await ask({ model, input: 'Two.', previous_response_id: first.id });
    const branch = await ask({ model, input: 'Other.', previous_response_id: first.id });
    expect(words(fixture.messagesOf(model).at(-1))).toEqual([
      `system: I am ${model}.`,
      'user: One.',
      'assistant: I know 1.',
      'user: Other.',
    ]);
    const next = await ask({ model, input: 'On.', previous_response_id: branch.id });
    expect(next.output_text).toBe('I know 5.');
    const [a, b] = await Promise.all([first, branch].map(({ id }) => runOf(id)));
    expect(a?.session_id).not.toBe(b?.session_id);

    const unstored = await ask({
      ...{ model, input: 'Aside.', previous_response_id: branch.id, store: false },
    });
    expect(unstored.output_text).toBe('I know 5.'); // the messages of both stored turns and its own input
    const passing = await ask({ model, input: 'One.', store: false });
    expect(await runOf(passing.id)).toMatchObject({ session_id: null });
    const after = await ask({ model, input: 'Two.', previous_response_id: passing.id });
    expect(after.output_text).toBe('I know 3.');
  });

  test('is taken from the input items', async () => {
    const model = await makeCountingAgent();
    await ask({
      model,
      input: [
        { role: 'developer', content: 'Be kind.' },
        { role: 'user', content: 'Weather?' },
        { type: 'function_call', call_id: 'x', name: 'get_weather', arguments: '{}' },
        { type: 'function_call_output', call_id: 'x', output: 'dry' },
        { role: 'assistant', content: 'Dry.' },
        { role: 'user', content: 'Tomorrow?' },
      ],
    });
    expect(words(fixture.messagesOf(model).at(-1))).toEqual([
      `system: I am ${model}.`,
      'system: Be kind.',
      'user: Weather?',
      expect.stringMatching(/^assistant: /),
      'tool: dry',
      'assistant: Dry.',
      'user: Tomorrow?',
    ]);
  });

  test('answers a question to a person with the next message', async () => {
    const model = await fixture.agent(
      (_request, messages) =>
        messages.at(-1)?.role === 'tool'
          ? { content: `Painted ${messages.at(-1)?.content}.` }
          : { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which colour?' } }] },
      { human_input: true },
    );
    const response = await ask({ model, input: 'Paint it.' });
    expect(response).toMatchObject({ status: 'completed', output_text: 'Which colour?' });
    expect((await runOf(response.id)).status).toBe('waiting');
    const done = await ask({ model, input: 'red', previous_response_id: response.id });
    expect(done.output_text).toBe('Painted red.');
    expect(done.id).not.toBe(response.id);
    expect((await runOf(done.id)).id).toBe((await runOf(response.id)).id);
    const after = await ask({ model, input: 'red', previous_response_id: done.id });
    expect(after.output_text).toBe('Which colour?');
  });
});

describe('client tools', () => {
  const forecaster = () =>
    fixture.agent((_request, messages) => {
      const last = messages.at(-1);
      return last?.role === 'tool'
        ? { content: `It is ${last.content}.` }
        : {
            content: 'I look.',
            tool_calls: [{ name: 'get_weather', arguments: { city: 'Oslo' } }],
          };
    });
  const resultOf = (output: OpenAI.Responses.ResponseOutputItem[], text: string) =>
    output.flatMap((item) =>
      item.type === 'function_call'
        ? [{ type: 'function_call_output' as const, call_id: item.call_id, output: text }]
        : [],
    );

  test('are called by the client, and the same run continues with the results', async () => {
    const model = await forecaster();
    const response = await ask({ model, input: 'Weather?', tools });
    expect(response).toMatchObject({
      status: 'completed',
      output: [
        { type: 'message', phase: 'commentary' },
        { type: 'function_call', name: 'get_weather', arguments: '{"city":"Oslo"}' },
      ],
    });
    await expect(
      ask({ model, input: 'And?', previous_response_id: response.id }),
    ).rejects.toMatchObject({
      status: 400,
      message: expect.stringContaining('no tool output was found for function call call_'),
    });
    const done = await ask({
      model,
      input: resultOf(response.output, 'dry'),
      previous_response_id: response.id,
      tools,
    });
    expect(done).toMatchObject({ output_text: 'It is dry.', usage: { total_tokens: 18 } });
    const next = await ask({ model, input: 'Thanks.', previous_response_id: done.id });
    // the tool belonged to that turn only
    expect(next.output_text).toContain('there is no tool named get_weather');
  });

  test('are streamed', async () => {
    const model = await forecaster();
    const { events, response } = await streamResponse({ model, input: 'Weather?', tools });
    expect(events.flatMap((event) => ('arguments' in event ? [event.arguments] : []))).toEqual([
      '{"city":"Oslo"}',
    ]);
    const { response: done } = await streamResponse({
      model,
      input: resultOf(response?.output ?? [], 'wet'),
    });
    expect(done?.output).toMatchObject([{ content: [{ text: 'It is wet.' }] }]);
  });

  test('expire after a day without a result and end their run', async () => {
    const model = await forecaster();
    const response = await ask({ model, input: 'Weather?', tools });
    const [question] = await all(
      fixture.db.pool,
      `select q.kind, q.expires_at - q.created_at > interval '23 hours' as is_long
       from howdah.questions as q where q.execution_id = $1`,
      [(await runOf(response.id)).id],
    );
    expect(question).toEqual({ kind: 'question', is_long: true });
  });
});
