import { describe, expect, test } from 'vitest';
import type { AgentDefinition, ToolDefinition } from '../../../src/contracts/agents/definition.ts';
import type { ModelRef } from '../../../src/contracts/agents/model.ts';
import type { ErrorCode, RunError } from '../../../src/contracts/errors.ts';
import type { RunState } from '../../../src/contracts/runs/action.ts';
import type { Message, ToolCall } from '../../../src/contracts/runs/message.ts';
import type { JsonSchema } from '../../../src/json/json.ts';
import { ATTEMPTS } from '../../../src/runtime/environment/backoff.ts';
import { buildMessages } from '../../../src/runtime/messages/build-messages.ts';
import { nextAgentAction } from '../../../src/runtime/strategies/agent.ts';
import { planCalls } from '../../../src/runtime/tool-plans/plan-tool-calls.ts';

const question: Message = { role: 'user', content: 'Where is my order?' };
const calls = (...ids: string[]): ToolCall[] =>
  ids.map((id) => ({ id, name: 'look', arguments: '{}' }));
const callMessage = (...ids: string[]): Message => ({
  role: 'assistant',
  content: null,
  tool_calls: calls(...ids),
});
const result = (id: string): Message => ({ role: 'tool', content: 'found', tool_call_id: id });
const answer = (content: string): Message => ({ role: 'assistant', content });

function model(name: string): ModelRef {
  return {
    id: name,
    name,
    provider: 'scripted',
    model: name,
    base_url: null,
    context_tokens: null,
    request_params: {},
  };
}

function definition(agent: Partial<AgentDefinition['agent']> = {}, names = ['first', 'second']) {
  return {
    agent: {
      name: 'a',
      instruction: 'Help.',
      system_prompt: null,
      use_history: true,
      output_schema: null,
      ...agent,
    },
    models: names.map(model),
    tools: [],
  } satisfies AgentDefinition;
}

function state(messages: Message[], rest: Partial<RunState> = {}): RunState {
  return {
    history: [],
    messages: messages.map((message, index) => ({ ...message, seq: index + 1 })),
    steps_since_answer: [],
    exhausted: null,
    trust: 'user',
    messages_at_retry: 0,
    rules: { approved: [], asked: [], withdrawn: {}, decided: {}, approved_for: {} },
    refused: {},
    ...rest,
  };
}

function failures(name: string, count: number, retryable = true, code: ErrorCode = 'overloaded') {
  const error: RunError = { code, message: `${name} failed`, retryable };
  return Array.from({ length: count }, () => ({
    kind: 'retry' as const,
    name,
    call_id: null,
    input: null,
    output: null,
    error,
  }));
}

test('the calls of a state are planned once per definition', () => {
  const one = definition();
  const current = state([question, callMessage('call_1')]);
  const planned = planCalls(one, current);
  expect(planned).toMatchObject([{ open: { call: { id: 'call_1' } }, plan: { do: 'tell' } }]);
  expect(planCalls(one, current)).toBe(planned);
  expect(planCalls(one, { ...current })).toEqual(planned);
  const look: ToolDefinition = {
    id: 'look',
    name: 'look',
    aliases: [],
    description: '',
    kind: 'custom',
    parameters: {},
    effect: 'pure',
    requires_approval: false,
    timeout_ms: 1_000,
    configuration: {},
  };
  const other: AgentDefinition = { ...one, tools: [look] };
  expect(planCalls(other, current)).toMatchObject([{ plan: { do: 'run' } }]);
  expect(planCalls(one, current)).toEqual(planned);
});

describe('the next action', () => {
  test('a user message is sent to the first model', () => {
    const action = nextAgentAction(definition(), state([question]));
    expect(action).toMatchObject({ type: 'call_model', model: { name: 'first' }, attempt: 1 });
  });

  test('all calls of an answer are made, in their order', () => {
    const action = nextAgentAction(definition(), state([question, callMessage('a', 'b', 'c')]));
    expect(action).toEqual({ type: 'call_tools', calls: calls('a', 'b', 'c') });
  });

  test('calls that have a result are not repeated', () => {
    const action = nextAgentAction(
      definition(),
      state([question, callMessage('a', 'b', 'c'), result('b')]),
    );
    expect(action).toEqual({ type: 'call_tools', calls: calls('a', 'c') });
  });

  test('the model is called again when all calls have a result', () => {
    const messages = [question, callMessage('a', 'b'), result('b'), result('a')];
    expect(nextAgentAction(definition(), state(messages))).toMatchObject({
      type: 'call_model',
      attempt: 1,
    });
  });

  test('an answer without calls ends the run with its text', () => {
    const action = nextAgentAction(
      definition(),
      state([question, callMessage('a'), result('a'), answer('Here.')]),
    );
    expect(action).toEqual({ type: 'finish', output: 'Here.', output_data: null });
  });

  test('an answer without any text ends the run with the empty text', () => {
    const empty: Message = { role: 'assistant', content: null };
    expect(nextAgentAction(definition(), state([question, empty]))).toMatchObject({ output: '' });
  });

  test('a user message after the answer calls the model again', () => {
    const action = nextAgentAction(definition(), state([question, answer('Here.'), question]));
    expect(action.type).toBe('call_model');
  });

  test('the same state gives the same action and is not modified', () => {
    const frozen = state(Object.freeze([question, callMessage('a')]) as Message[]);
    expect(nextAgentAction(definition(), frozen)).toEqual(nextAgentAction(definition(), frozen));
  });
});

describe('structured output', () => {
  const output_schema: JsonSchema = {
    type: 'object',
    required: ['colour'],
    properties: { colour: { enum: ['red', 'green'] } },
  };
  const strict = definition({ output_schema });
  const bad = answer('{"colour": "blue"}');

  test('an answer that satisfies the schema yields text and data', () => {
    expect(nextAgentAction(strict, state([question, answer('{"colour": "red"}')]))).toEqual({
      type: 'finish',
      output: '{"colour": "red"}',
      output_data: { colour: 'red' },
    });
  });

  test('a code fence around the JSON is ignored', () => {
    const action = nextAgentAction(
      strict,
      state([question, answer('```json\n{"colour": "red"}\n```')]),
    );
    expect(action).toMatchObject({ type: 'finish', output_data: { colour: 'red' } });
  });

  test('an invalid answer is returned to the model with the errors, once', () => {
    const action = nextAgentAction(strict, state([question, bad]));
    expect(action).toMatchObject({ type: 'guard' });
    expect(action).toHaveProperty('message', expect.stringMatching(/colour.*red, green/));
  });

  test('text that is not JSON is returned to the model with the error', () => {
    const action = nextAgentAction(strict, state([question, answer('red, I think')]));
    expect(action).toHaveProperty('message', expect.stringMatching(/not JSON/));
  });

  test('after one repair the run fails', () => {
    const repair = nextAgentAction(strict, state([question, bad]));
    const correction: Message = {
      role: 'user',
      content: repair.type === 'guard' ? repair.message : '',
    };
    expect(nextAgentAction(strict, state([question, bad, correction, bad]))).toMatchObject({
      type: 'fail',
      stop_reason: 'error',
      error: { code: 'invalid_output', retryable: false },
    });
    const action = nextAgentAction(
      strict,
      state([question, bad, correction, answer('{"colour": "green"}')]),
    );
    expect(action).toMatchObject({ type: 'finish', output_data: { colour: 'green' } });
  });
});

describe('attempts and fallbacks', () => {
  test('a retryable failure is retried with the same model', () => {
    const action = nextAgentAction(
      definition(),
      state([question], { steps_since_answer: failures('first', 1) }),
    );
    expect(action).toMatchObject({ model: { name: 'first' }, attempt: 2 });
  });

  test('after its last attempt the next model is called, with its own count', () => {
    const steps_since_answer = failures('first', ATTEMPTS);
    const action = nextAgentAction(definition(), state([question], { steps_since_answer }));
    expect(action).toMatchObject({ model: { name: 'second' }, attempt: 1 });
  });

  test('a failure that is not retryable falls back to the next model at once', () => {
    const steps_since_answer = failures('first', 1, false, 'unauthorized');
    expect(nextAgentAction(definition(), state([question], { steps_since_answer }))).toMatchObject({
      model: { name: 'second' },
      attempt: 1,
    });
  });

  test('the last error ends the run when all models have failed', () => {
    const steps_since_answer = [...failures('first', 1, false), ...failures('second', ATTEMPTS)];
    expect(nextAgentAction(definition(), state([question], { steps_since_answer }))).toEqual({
      type: 'fail',
      stop_reason: 'error',
      error: { code: 'overloaded', message: 'second failed', retryable: false },
    });
  });

  test('an agent without models fails with an error that says what to do', () => {
    expect(nextAgentAction(definition({}, []), state([question]))).toMatchObject({
      type: 'fail',
      stop_reason: 'error',
      error: { message: expect.stringContaining('agent_models') },
    });
  });
});

describe('limits', () => {
  test.each(['max_steps', 'max_tokens', 'max_cost', 'max_time'] as const)(
    'an exhausted %s forbids another model call',
    (exhausted) => {
      const action = nextAgentAction(definition(), state([question], { exhausted }));
      expect(action).toMatchObject({
        type: 'fail',
        stop_reason: exhausted,
        error: { code: 'limit_reached', retryable: false },
      });
    },
  );

  test('an exhausted limit stops neither requested calls nor the last answer', () => {
    const exhausted = 'max_steps';
    expect(
      nextAgentAction(definition(), state([question, callMessage('a')], { exhausted })).type,
    ).toBe('call_tools');
    expect(
      nextAgentAction(definition(), state([question, answer('Done.')], { exhausted })).type,
    ).toBe('finish');
  });
});

describe('the messages for the model', () => {
  test('system prompt and instruction, then the history, then the conversation', () => {
    const history = [question, answer('Shipped.')];
    const sent = buildMessages(
      definition({ system_prompt: 'Be brief.' }),
      state([question], { history }),
    );
    const system = { role: 'system', content: 'Be brief.\n\nHelp.' };
    expect(sent).toEqual([system, ...history, { ...question, seq: 1 }]);
  });

  test('no system message when it would be empty', () => {
    expect(buildMessages(definition({ instruction: '' }), state([question]))).toEqual([
      { ...question, seq: 1 },
    ]);
  });
});
