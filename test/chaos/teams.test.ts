import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ChaosModel, startChaosModel } from '../../chaos/load/chaos-model.ts';
import {
  expectedOutput,
  personAnswer,
  personPrompt,
  simulateTeam,
} from '../../chaos/load/expected-output.ts';
import { TEAM_NAMES } from '../../chaos/load/plan.ts';
import { findInputKey } from '../../chaos/load/run-keys.ts';
import { planMapItems } from '../../chaos/load/teams.ts';

// The expected outputs of workflows follow from the seed, and the model server produces them.

test('the longest of several keys in a message is used', () => {
  expect(findInputKey('key=1.2 and key=1.2@a@b and key=1.2@a')).toBe('1.2@a@b');
});

describe('the expected members', () => {
  const members = (key: string) => simulateTeam(3, key).members;

  test('of a chain with a person receive the output of the previous member', () => {
    expect(members('1.0~press')).toEqual(['1.0@press.1', '1.0@press.1@press.ask@press.2']);
    expect(personAnswer(personPrompt('press.ask', 'key=1.0@press.1 is done'))).toBe(
      'key=1.0@press.1@press.ask agrees',
    );
  });

  test('of a parallel workflow are all members, including the failing one and the aggregator', () => {
    expect(members('1.0~crew')).toEqual([
      '1.0@crew.1',
      '1.0@crew.broken',
      '1.0@crew.2',
      '1.0@crew.2@crew.sum',
    ]);
    expect(expectedOutput(3, '1.0@crew.broken')).toBeUndefined();
    expect(expectedOutput(3, '1.0~wide')).not.toContain('broken');
  });

  test('of a map are one per item, with results in item order', () => {
    const items = planMapItems(3, '1.0~batch');
    expect(members('1.0~batch')).toEqual(items.map((_, at) => `1.0~batch#${at}~duo`));
    const results = JSON.parse(expectedOutput(3, '1.0~batch') ?? '') as string[];
    expect(results.map(findInputKey)).toEqual(items.map((_, at) => `1.0~batch#${at}@duo.1@duo.2`));
  });

  test('of a graph are those of each iteration of its loop, one to three times', () => {
    const rounds = Array.from({ length: 100 }, (_, run) =>
      members(`1.${run}~cycle`).filter((key) => key.endsWith('@cycle.check')),
    ).map((checks) => checks.length);
    expect([...new Set(rounds)].toSorted()).toEqual([1, 2, 3]);
  });

  test('are known for every workflow, each with a unique key', () => {
    const below = (key: string): string[] =>
      key.includes('~') && /~\w+$/.test(key)
        ? [key, ...simulateTeam(3, key).members.flatMap(below)]
        : [key];
    for (const name of TEAM_NAMES) {
      const keys = below(`1.0~${name}`);
      expect(keys.length).toBeGreaterThan(1);
      expect(new Set(keys).size).toBe(keys.length);
    }
  });
});

describe('the model server', () => {
  let model: ChaosModel;
  beforeAll(async () => {
    model = await startChaosModel(3, []);
  });
  afterAll(() => model.server.close());

  test('plays a member by its mission, and rejects a broken member', async () => {
    const quiet = Array.from({ length: 100 }, (_, run) => `1.${run}`).find((key) =>
      expectedOutput(3, `${key}@duo.1`)?.endsWith('is done: '),
    );
    const messages = [
      { role: 'system', content: 'You are member=duo.1' },
      { role: 'user', content: `Please do key=${quiet}` },
    ];
    expect(await ask(messages)).toMatchObject({ content: expectedOutput(3, `${quiet}@duo.1`) });
    expect(model.requests.get(`${quiet}@duo.1`)).toBe(1);
    const broken = { role: 'system', content: 'You are member=crew.broken' };
    expect(await ask([broken, ...messages.slice(1)])).toBeUndefined();
  });

  test('decides with the tool of the workflow, and answers with the results', async () => {
    const messages = [
      { role: 'system', content: 'You are decider=planned' },
      { role: 'user', content: 'Please do key=1.0' },
    ];
    const plan = await decision(messages);
    expect(plan.steps).toHaveLength(2);
    const answer = await decision([
      ...messages,
      { role: 'assistant', content: JSON.stringify(plan) },
      { role: 'user', content: 'planned.1 — key=1.0~planned#1\nkey=1.0 is done: [book:a]' },
    ]);
    expect(answer).toEqual({ answer: '1.0~planned is done: [book:a]' });
    expect(model.requests.get('1.0~planned')).toBe(2);
  });

  type Answer = { content: string; tool_calls?: { function: { arguments: string } }[] };

  async function ask(messages: object[]): Promise<Answer | undefined> {
    const response = await fetch(`${model.server.url}/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ messages, stream: false }),
    });
    const { choices } = (await response.json()) as { choices?: { message: Answer }[] };
    return choices?.[0]?.message;
  }

  async function decision(messages: object[]) {
    const answer = await ask(messages);
    return JSON.parse(answer?.tool_calls?.[0]?.function.arguments ?? 'null');
  }
});
