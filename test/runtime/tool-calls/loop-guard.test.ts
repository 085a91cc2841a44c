import { describe, expect, test } from 'vitest';
import type { Message } from '../../../src/contracts/runs/message.ts';
import { nextAgentAction } from '../../../src/runtime/strategies/agent.ts';
import { LOOP_WARNING, loopVerdict } from '../../../src/runtime/strategies/loop-guard.ts';
import {
  call,
  callMessage,
  createRandom,
  result,
  summary,
  user,
} from '../messages/conversations.ts';

type Made = { name?: string; args?: string; result?: string };

/**
 * Simulates a run with one call per round. The guard checks before each answer, as in a real run.
 */
function play(rounds: number, made: (round: number) => Made) {
  const messages: Message[] = [user('Do it.')];
  const warned: number[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    messages.push(...callWithResult(`c${messages.length}`, made(round)));
    const verdict = loopVerdict(messages, 0);
    if (verdict.kind === 'stop') return { warned, stopped: round, messages, verdict };
    if (verdict.kind === 'warn') {
      warned.push(round);
      messages.push(user(verdict.message));
    }
  }
  return { warned, stopped: null, messages, verdict: loopVerdict(messages, 0) };
}

function callWithResult(id: string, { name = 'look', args = '{}', result: text = 'same' }: Made) {
  return [callMessage(call(id, name, args)), result(id, text)];
}

const cycle = (names: string) => (round: number) => ({
  name: names[(round - 1) % names.length] as string,
});

describe('repeated calls', () => {
  test('cause one warning at the fifth call and a stop at the sixth', () => {
    expect(play(20, () => ({}))).toMatchObject({ warned: [5], stopped: 6 });
  });

  test('are equal whatever the order of keys and the whitespace', () => {
    const ways = ['{"a":1,"b":{"c":[1,2],"d":null}}', '{ "b": {"d":null, "c":[1, 2]},\n"a": 1.0 }'];
    expect(play(20, (round) => ({ args: ways[round % 2] as string })).stopped).toBe(6);
    const nothing = ['', ' ', '{}'];
    expect(play(20, (round) => ({ args: nothing[round % 3] as string })).stopped).toBe(6);
  });

  test('are also detected when the arguments are not JSON', () => {
    expect(play(20, () => ({ args: '{"a": ' })).stopped).toBe(6);
  });

  test('are not detected with other arguments, another list order or another tool name', () => {
    expect(play(50, (round) => ({ args: `{"page":${round}}` }))).toMatchObject({
      warned: [],
      stopped: null,
    });
    expect(play(50, (round) => ({ args: `no JSON ${round}` })).stopped).toBeNull();
    const lists = ['{"a":[1,2]}', '{"a":[2,1]}'];
    expect(play(4, (round) => ({ args: lists[round % 2] as string })).warned).toEqual([]);
    expect(play(50, (round) => ({ name: `tool_${round}` })).stopped).toBeNull();
  });

  test('polling with changing results is never stopped', () => {
    expect(play(50, (round) => ({ result: `${round} %` }))).toMatchObject({
      warned: [],
      stopped: null,
    });
    expect(play(50, (round) => ({ result: `${Math.floor(round / 5)} %` })).stopped).toBeNull();
  });

  test.each([
    ['AB', 9, 11],
    ['ABC', 13, 16],
    ['ABCD', 17, 21],
  ])(
    'the cycle %s causes a warning in its fifth round and a stop in its sixth',
    (names, warned, stopped) => {
      expect(play(40, cycle(names))).toMatchObject({ warned: [warned], stopped });
      expect(Math.ceil(stopped / names.length)).toBe(6);
    },
  );

  test('parallel calls count individually, in whatever order their results arrive', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const three = [
      user('q'),
      callMessage(...ids),
      ...ids.toReversed().map((id) => result(id, 'same')),
    ];
    expect(loopVerdict(three.slice(0, 6), 0).kind).toBe('ok');
    expect(loopVerdict(three, 0).kind).toBe('warn');
    const more = ['f'];
    const six = [...three, callMessage(...more), ...more.map((id) => result(id, 'same'))];
    expect(loopVerdict(six, 0).kind).toBe('stop');
  });
});

describe('resetting the counts', () => {
  const fourTimes = ['a', 'b', 'b2', 'b3'].flatMap((id) => callWithResult(id, {}));

  test('a new result resets all counts, and the model may be warned again', () => {
    const run = play(40, (round) => ({ args: round === 6 ? '{"new":1}' : '{}' }));
    expect(run).toMatchObject({ warned: [5, 10], stopped: 11 });
  });

  test('a message of a person resets the counts', () => {
    const run = [user('q'), ...fourTimes, user('Look again.'), ...callWithResult('c', {})];
    expect(loopVerdict(run, 0).kind).toBe('ok');
    expect(loopVerdict([user('q'), ...fourTimes, ...callWithResult('c', {})], 0).kind).toBe('warn');
  });

  test('guard messages and summaries do not reset the counts', () => {
    const summarized = [user('q'), ...fourTimes, summary(6, 1, 3), ...callWithResult('c', {})];
    expect(loopVerdict(summarized, 0).kind).toBe('warn');
    const repair = nextAgentAction(
      {
        agent: {
          name: 'a',
          instruction: '',
          system_prompt: null,
          use_history: false,
          output_schema: { type: 'object' },
        },
        models: [],
        tools: [],
      },
      {
        history: [],
        messages: [user('q'), { role: 'assistant', content: 'no JSON' }],
        steps_since_answer: [],
        exhausted: null,
        trust: 'user',
        messages_at_retry: 0,
        rules: { approved: [], asked: [], withdrawn: {}, decided: {}, approved_for: {} },
        refused: {},
      },
    );
    const correction = user(repair.type === 'guard' ? repair.message : '');
    expect(correction.content).not.toBe('');
    expect(
      loopVerdict([user('q'), ...fourTimes, correction, ...callWithResult('c', {})], 0).kind,
    ).toBe('warn');
  });

  test('only messages after the given one count', () => {
    const run = [...play(6, () => ({})).messages];
    expect(loopVerdict(run, 0).kind).toBe('stop');
    expect(loopVerdict(run, run.length).kind).toBe('ok');
    const again = [
      ...run,
      ...callWithResult('v', {}),
      ...callWithResult('w', {}),
      ...callWithResult('x', {}),
      ...callWithResult('y', {}),
    ];
    expect(loopVerdict(again, run.length).kind).toBe('ok');
    expect(loopVerdict([...again, ...callWithResult('z', {})], run.length).kind).toBe('warn');
    // The call is before the message, its result after it.
    const open = [
      user('q'),
      callMessage('1', '2', '3'),
      ...['1', '2', '3'].map((id) => result(id)),
    ];
    expect(loopVerdict(open, 2).kind).toBe('ok');
    const fiveTimes = [user('q'), ...fourTimes, ...callWithResult('c', {})];
    expect(loopVerdict(fiveTimes, 2).kind).toBe('warn');
    expect(loopVerdict(fiveTimes, 3).kind).toBe('ok');
  });

  test('orphaned or duplicate results, and calls without a result, do not count', () => {
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    expect(loopVerdict([user('q'), callMessage('a'), ...ids.map(() => result('a'))], 0).kind).toBe(
      'ok',
    );
    expect(loopVerdict([user('q'), ...ids.map((id) => result(id, 'same'))], 0).kind).toBe('ok');
    expect(loopVerdict([user('q'), callMessage(...ids)], 0).kind).toBe('ok');
  });
});

test('warning and error name the tools, the number of calls and alternatives', () => {
  const { messages, verdict } = play(40, cycle('AB'));
  const warning = messages.find(({ content }) => content?.startsWith(LOOP_WARNING));
  expect(warning?.content).toMatch(/A was called 5 times.*other arguments or another tool/);
  expect(verdict).toMatchObject({
    kind: 'stop',
    message: expect.stringMatching(/A was called 6 times and B 5 times.*instruction/),
  });
});

test('every run that only repeats calls stops; a run with new results never does', () => {
  for (let seed = 0; seed < 100; seed += 1) {
    const random = createRandom(seed);
    const kinds = 1 + random(4);
    const circling = play(100, () => ({ name: `tool_${random(kinds)}` }));
    expect(circling.stopped, `seed ${seed}`).toBeLessThanOrEqual(kinds * 6 * 4);
    const learning = play(60, (round) => ({
      name: `tool_${random(kinds)}`,
      result: `${Math.floor(round / 2)}`,
    }));
    expect(learning.stopped, `seed ${seed}`).toBeNull();
  }
});

test('returns the same verdict for a log seen before and for a new copy', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    const random = createRandom(seed);
    const messages: Message[] = [user('Do it.')];
    for (let round = 0; round < 40; round += 1) {
      const made = { name: `tool_${random(2)}`, result: `${random(3)}` };
      messages.push(...callWithResult(`c${messages.length}`, made));
      const from = random(2) * random(messages.length);
      expect(loopVerdict(messages, from), `seed ${seed}, round ${round}`).toEqual(
        loopVerdict(structuredClone(messages), from),
      );
    }
  }
});
