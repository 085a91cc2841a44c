import { describe, expect, test } from 'vitest';
import type { AgentDefinition } from '../../../src/contracts/agents/definition.ts';
import type { RunState } from '../../../src/contracts/runs/action.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import { buildMessages } from '../../../src/runtime/messages/build-messages.ts';
import {
  isSummary,
  NO_ANSWER,
  NO_RESULT,
  SUMMARY_OPENING,
} from '../../../src/runtime/messages/message-groups.ts';
import {
  answer,
  callMessage,
  createRandom,
  findUnpairedMessages,
  generateRun,
  numberMessages,
  result,
  summary,
  user,
} from './conversations.ts';

function definition(agent: Partial<AgentDefinition['agent']> = {}): AgentDefinition {
  const bare = { name: 'a', instruction: '', system_prompt: null, use_history: true };
  return { agent: { ...bare, output_schema: null, ...agent }, models: [], tools: [] };
}

/** Returns the messages sent for these, without a prompt. */
function build(messages: readonly Message[], history: readonly Message[] = []) {
  return buildMessages(definition(), stateOf(messages, history));
}

function stateOf(messages: readonly Message[], history: readonly Message[]): RunState {
  return {
    history,
    messages,
    steps_since_answer: [],
    exhausted: null,
    trust: 'user' as const,
    messages_at_retry: 0,
    rules: { approved: [], asked: [], withdrawn: {}, decided: {}, approved_for: {} },
    refused: {},
  };
}

const contents = (messages: readonly Message[]) =>
  messages.map(({ content, tool_calls }) => content ?? tool_calls?.map(({ id }) => id).join());
const summaryMessage = (text: string) => `${SUMMARY_OPENING}${text}`;

test.each([
  ['no text', { content: '' }],
  ['blanks', { content: ' \n' }],
  [
    'only a thought',
    { content: null, parts: [{ type: 'reasoning', vendor: 'openai', text: 'x' }] },
  ],
])('an answer with %s has a text for the model, since vendors refuse an empty one', (_, said) => {
  const messages: Message[] = [user('a'), { role: 'assistant', ...said }, user('b')];
  expect(contents(build(messages))).toEqual(['a', NO_ANSWER, 'b']);
  expect(contents(build([user('b')], messages.slice(0, 2)))).toEqual(['a', NO_ANSWER, 'b']);
});

describe('order', () => {
  test('system prompt and instruction, then the history, then the conversation', () => {
    const history = [user('Where is it?'), answer('Shipped.')];
    const state = {
      history,
      messages: [user('And now?')],
      steps_since_answer: [],
      exhausted: null,
      trust: 'user' as const,
      messages_at_retry: 0,
      rules: { approved: [], asked: [], withdrawn: {}, decided: {}, approved_for: {} },
      refused: {},
    };
    const messages = buildMessages(
      definition({ system_prompt: 'Be brief.', instruction: 'Help.' }),
      state,
    );
    const system = { role: 'system', content: 'Be brief.\n\nHelp.' };
    expect(messages).toEqual([system, ...history, user('And now?')]);
  });

  test('no system message when it would be empty', () => {
    expect(build([user('Hello.')])).toEqual([user('Hello.')]);
  });

  test('results are in the order of the calls, not of their arrival', () => {
    const run = [user('q'), callMessage('a', 'b', 'c'), result('c'), result('a'), result('b')];
    expect(build(run)).toEqual([...run.slice(0, 2), result('a'), result('b'), result('c')]);
  });

  test('user input between a call and its result follows the results', () => {
    const run = [
      user('q'),
      callMessage('a', 'b'),
      user('hurry'),
      result('b'),
      user('!'),
      result('a'),
    ];
    expect(contents(build(run))).toEqual(['q', 'a,b', 'result of a', 'result of b', 'hurry', '!']);
  });

  test('an id reused in a later turn belongs to the later answer', () => {
    const first = [user('q'), callMessage('a'), result('a', 'old'), answer('x')];
    const later = [user('p'), callMessage('a'), result('a', 'new')];
    expect(build(later, first)).toEqual([...first, ...later]);
    expect(build([...first, ...later])).toEqual([...first, ...later]);
  });
});

describe('missing parts', () => {
  test('a call without a result gets a placeholder result in its place', () => {
    const run = [user('q'), callMessage('a', 'b'), result('b'), user('go on')];
    expect(build(run)).toEqual([
      user('q'),
      callMessage('a', 'b'),
      result('a', NO_RESULT),
      result('b'),
      user('go on'),
    ]);
  });

  test('a call in the history without a result gets one too', () => {
    const cut = [user('q'), callMessage('a')];
    expect(build([user('again')], cut)).toEqual([...cut, result('a', NO_RESULT), user('again')]);
  });

  test('a result without a call, or a second result, is not sent', () => {
    const run = [user('q'), callMessage('a'), result('a'), result('a', 'twice'), result('z')];
    expect(build(run)).toEqual(run.slice(0, 3));
  });
});

describe('summaries', () => {
  test('replace the first message they cover, and carry their range', () => {
    const run = numberMessages(user('1'), answer('2'), user('3'), answer('4'), user('5'));
    expect(build([...run, summary(6, 2, 3, 'S')])).toEqual([
      run[0],
      { role: 'user', content: summaryMessage('S'), covers_from_seq: 2, covers_to_seq: 3 },
      run[3],
      run[4],
    ]);
  });

  test('may cover the input; from 0 they also cover the history', () => {
    const run = [...numberMessages(user('1'), answer('2'), user('3')), summary(4, 0, 2, 'S')];
    const history = [user('before'), answer('earlier')];
    expect(contents(build(run, history))).toEqual([summaryMessage('S'), '3']);
    expect(build(run, history)[0]).toMatchObject({ covers_from_seq: 0, covers_to_seq: 2 });
    const own = [...run.slice(0, 3), summary(4, 1, 2, 'S')];
    expect(contents(build(own, history))).toEqual(['before', 'earlier', summaryMessage('S'), '3']);
  });

  test('the last of several overlapping summaries wins, and an earlier one keeps the rest', () => {
    const run = numberMessages(user('1'), answer('2'), user('3'), answer('4'), user('5'));
    const both = [...run, summary(6, 1, 3, 'S'), summary(7, 3, 4, 'T')];
    expect(contents(build(both))).toEqual([summaryMessage('S'), summaryMessage('T'), '5']);
    const whole = [...run, summary(6, 1, 3, 'S'), summary(7, 1, 4, 'T')];
    expect(contents(build(whole))).toEqual([summaryMessage('T'), '5']);
  });

  test('never split a call from its results', () => {
    const run = numberMessages(
      user('1'),
      callMessage('a', 'b'),
      result('b'),
      user('4'),
      result('a'),
    );
    const rest = [user('4')];
    for (const [from, to] of [
      [2, 2],
      [3, 3],
      [5, 5],
    ] as const) {
      const messages = build([...run, summary(6, from, to, 'S')]);
      expect(contents(messages)).toEqual(['1', summaryMessage('S'), ...contents(rest)]);
    }
  });

  test('do not replace a result that arrived after them', () => {
    const [first, second, third, fourth] = numberMessages(
      user('1'),
      callMessage('a'),
      user('3'),
      result('a'),
    );
    const late = { ...(fourth as Message), seq: 5 };
    const messages = build([first, second, third, summary(4, 1, 3, 'S'), late] as Message[]);
    expect(contents(messages)).toEqual([summaryMessage('S'), 'a', 'result of a']);
  });

  test('that already have the opening of a summary do not get it twice', () => {
    const run = [...numberMessages(user('1'), user('2')), summary(3, 1, 1, summaryMessage('S'))];
    expect(contents(build(run))).toEqual([summaryMessage('S'), '2']);
  });

  test('of messages that do not exist are not sent', () => {
    expect(contents(build([...numberMessages(user('1')), summary(2, 0, 0)]))).toEqual(['1']);
  });

  test('of an earlier turn apply where the history is numbered', () => {
    const first = [...numberMessages(user('1a'), answer('2a'), user('3a')), summary(4, 1, 2, 'A')];
    const second = [...numberMessages(user('1b'), answer('2b')), summary(3, 0, 1, 'B')];
    expect(contents(build([user('now')], first))).toEqual([summaryMessage('A'), '3a', 'now']);
    const messages = build(numberMessages(user('now')), [...first, ...second]);
    expect(contents(messages)).toEqual([summaryMessage('B'), '2b', 'now']);
    expect(messages.map(({ seq, covers_to_seq }) => covers_to_seq ?? seq)).toEqual([
      0,
      undefined,
      1,
    ]);
  });

  test('of turns before the first loaded one replace those turns', () => {
    const first = [
      ...numberMessages(user('1a')),
      summary(2, 0, 0, 'A'),
      { ...answer('3a'), seq: 3 },
    ];
    expect(contents(build([user('now')], first))).toEqual([summaryMessage('A'), '1a', '3a', 'now']);
    const again = [...first, summary(4, 0, 1, 'B'), { ...answer('5a'), seq: 5 }];
    expect(contents(build([user('now')], again))).toEqual([summaryMessage('B'), '3a', '5a', 'now']);
  });

  test('messages without a number in the log yet continue the numbering', () => {
    const run = [
      ...numberMessages(user('1')),
      answer('2'),
      user('3'),
      summary(4, 1, 2, 'S'),
      user('5'),
    ];
    expect(build(run).map(({ seq }) => seq)).toEqual([undefined, 3, 5]);
    expect(contents(build(run))).toEqual([summaryMessage('S'), '3', '5']);
  });
});

test('any log yields a conversation that a provider accepts, always the same', () => {
  for (let seed = 0; seed < 300; seed += 1) {
    const random = createRandom(seed);
    const history = random(2) === 0 ? [] : generateRun(random, random(6));
    const run = generateRun(random, 1 + random(12));
    const before = JSON.stringify([history, run]);
    const messages = build(run, history);
    expect(findUnpairedMessages(messages), `seed ${seed}`).toEqual([]);
    expect(build(run, history), `seed ${seed}`).toEqual(messages);
    expect(JSON.stringify([history, run]), `seed ${seed}`).toBe(before);
  }
});

test('a conversation built step by step equals one built at once', () => {
  const agent = definition({ instruction: 'Help.' });
  for (let seed = 0; seed < 200; seed += 1) {
    const random = createRandom(seed);
    const history = random(2) === 0 ? [] : generateRun(random, random(4));
    const run = generateRun(random, 1 + random(8));
    for (let length = 1; length <= run.length; length += 1 + random(3)) {
      const state = stateOf(run.slice(0, length), history);
      const messages = buildMessages(agent, state);
      expect(messages, `seed ${seed}, ${length} messages`).toEqual(
        buildMessages(agent, structuredClone(state)),
      );
      messages.length = 0; // the caller may change its array afterwards
    }
  }
});

test('a changed definition changes the messages of the same state', () => {
  const state = stateOf(numberMessages(user('1'), answer('2')), []);
  const prompts = ['Help.', 'Stop.'].map(
    (instruction) => buildMessages(definition({ instruction }), state)[0]?.content,
  );
  expect(prompts).toEqual(['Help.', 'Stop.']);
});

test("a user's message is never lost: it is sent, or a later summary covers it", () => {
  for (let seed = 0; seed < 300; seed += 1) {
    const run = generateRun(createRandom(seed), 10);
    const messages = build(run);
    const summaries = run.filter(isSummary);
    for (const message of run.filter((one) => one.role === 'user' && !isSummary(one))) {
      const { seq = 0 } = message;
      const isCovered = summaries.some(
        ({ covers_from_seq: from, covers_to_seq: to, seq: own = 0 }) =>
          seq >= Number(from) && seq <= Number(to) && seq < own,
      );
      expect(messages.includes(message), `seed ${seed}, message ${seq}`).toBe(!isCovered);
    }
  }
});
