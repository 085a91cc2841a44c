import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { FakeServer } from '../../../chaos/load/openai-server.ts';
import type { RunState } from '../../../src/contracts/runs/action.ts';
import type { StepRecord } from '../../../src/contracts/runs/step.ts';
import {
  MAX_COMMIT_BYTES,
  MAX_JOINED_BYTES,
  MAX_TASKS_BYTES,
  MAX_TEXT_BYTES,
  SizeLimitError,
} from '../../../src/contracts/size-limits.ts';
import type { Pool } from '../../../src/db/connection/pool.ts';
import { GroupCommitter } from '../../../src/runtime/held-run/committer.ts';
import { interpolate } from '../../../src/runtime/messages/interpolate.ts';
import { joinAnswers } from '../../../src/runtime/teams/join-answers.ts';
import { startTasks } from '../../../src/runtime/teams/team-actions.ts';
import { replaceWithin } from '../../../src/text/replace-within.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { childrenOf, executionOf, waitForEnd } from '../arrange.ts';
import { makeTeam, startMembers, startTeam } from '../teams.ts';

// Products of bounded texts: placeholders × value × items. Each has a bound that is checked before
// the product is made.

const KB = 1_024;

describe('a text that a template makes', () => {
  test.each([
    [400, 200 * KB],
    [900, 200 * KB],
    [600, 100 * KB],
    [1_500, 100 * KB],
  ])('of %i placeholders and a value of %i bytes stops at its bound', (placeholders, bytes) => {
    const value = 'x'.repeat(bytes);
    let made = 0;
    const fill = () => {
      made += value.length;
      return value;
    };
    const template = '{{a}} '.repeat(placeholders);
    expect(replaceWithin(template, /\{\{(a)\}\}/g, fill, MAX_TEXT_BYTES)).toBeUndefined();
    expect(made).toBeLessThanOrEqual(MAX_TEXT_BYTES + bytes);
    expect(() => interpolate(template, { a: value })).toThrow(SizeLimitError);
  });

  test('may have exactly its maximum size, in bytes of UTF-8', () => {
    const value = 'é'.repeat(MAX_TEXT_BYTES / 2);
    expect(interpolate('{{a}}', { a: value })).toBe(value);
    expect(() => interpolate('{{a}}.', { a: value })).toThrow(SizeLimitError);
  });

  test('finds no value for a path of thousands of parts', () => {
    const path = 'a.'.repeat(50_000);
    expect(interpolate(`{{${path}a}}`, { a: { a: 1 } })).toBe(`{{${path}a}}`);
  });
});

describe('the tasks of a run', () => {
  const stateAfter = (bytes: number) =>
    ({
      exhausted: null,
      steps_since_answer: [{ kind: 'child_started', input: { message: 'x'.repeat(bytes) } }],
    }) as unknown as RunState;
  const planned = (count: number, input: string) => {
    const made: number[] = [];
    const tasks = Array.from({ length: count }, (_, at) => () => {
      made.push(at);
      return { id: String(at), member: 'm', agent_id: 'a', input };
    });
    return { made, tasks };
  };

  test('are made only when their commit is due', () => {
    const small = planned(10_000, 'x');
    expect(startTasks(stateAfter(0), small.tasks)).toMatchObject({ goes_on: true });
    expect(small.made).toHaveLength(100);
    const large = planned(10_000, 'x'.repeat(MAX_TEXT_BYTES));
    expect(startTasks(stateAfter(0), large.tasks)).toMatchObject({ goes_on: true });
    expect(large.made).toHaveLength(1);
  });

  test('have a maximum size together', () => {
    const { tasks } = planned(1, 'x'.repeat(MAX_TEXT_BYTES));
    expect(startTasks(stateAfter(MAX_TASKS_BYTES - MAX_TEXT_BYTES), tasks)).toMatchObject({
      type: 'begin_members',
    });
    expect(() => startTasks(stateAfter(MAX_TASKS_BYTES), tasks)).toThrow(SizeLimitError);
    const input = { message_bytes: MAX_TASKS_BYTES }; // as a log that was read has it
    const read = { ...stateAfter(0), steps_since_answer: [{ kind: 'child_started', input }] };
    expect(() => startTasks(read as unknown as RunState, tasks)).toThrow(SizeLimitError);
  });

  test('answers that are joined have a maximum size together', () => {
    const output = 'x'.repeat(MAX_TEXT_BYTES);
    const answers = Array.from({ length: 16 }, (_, at) => ({
      name: `m${at}`,
      task: { state: 'answered' as const, output, data: null, error: '', isCutOff: false },
    }));
    expect(() => joinAnswers(answers, MAX_JOINED_BYTES)).toThrow(SizeLimitError);
    expect(joinAnswers(answers.slice(1)).length).toBeGreaterThan(15 * MAX_TEXT_BYTES);
  });
});

describe('a commit', () => {
  test('with too many bytes is rejected before anything is sent, and others are sent', async () => {
    const sent: string[] = [];
    const pool = {
      query: async ({ values }: { values: string[] }) => {
        sent.push(values[2] as string);
        return { rows: [{ execution_id: values[2]?.slice(1, -1), outcome: 'committed' }] };
      },
    } as unknown as Pool;
    const { signal } = new AbortController();
    const committer = new GroupCommitter({ pool, worker: () => 'worker', signal });
    const half = 'x'.repeat(MAX_COMMIT_BYTES / 2);
    const commitOf = (id: string, steps: StepRecord[]) => ({ id, fence: 1, after: 0, steps });
    const large = committer.commit(
      commitOf('large', [
        { kind: 'tool', output: half },
        { kind: 'guard', messages: [{ role: 'user', content: half }] },
      ]),
      'a',
    );
    const small = committer.commit(commitOf('small', [{ kind: 'guard' }]), 'a');
    await expect(large).rejects.toThrow(SizeLimitError);
    expect(await small).toMatchObject({ outcome: 'committed' });
    expect(sent).toEqual(['{small}']);
  });
});

describe('a run', () => {
  const database = testDatabase();
  let worker: Worker;
  let server: FakeServer;
  let agent: (part: string) => Promise<string>;

  beforeAll(async () => {
    ({ server, agent } = await startMembers(database.pool, {
      long: () => 'x'.repeat(100 * KB),
      short: (input: string) => String(input.length),
    }));
    worker = await startTestWorker(database.url);
  });
  afterEach(async () => {
    expect(await database.pool.query('select 1')).toMatchObject({ rowCount: 1 });
  });
  afterAll(async () => {
    await worker.stop(0);
    await server.close();
  });

  const failureOf = async (id: string) => {
    await waitForEnd(database.pool, id);
    return executionOf(database.pool, id);
  };
  const LIMIT = {
    status: 'failed',
    stop_reason: 'error',
    error: { code: 'limit_reached', cause: { max_bytes: MAX_TEXT_BYTES } },
  };

  test.each([
    [400, 4],
    [900, 8],
  ])('of type map fails: %i placeholders × 200 KB × %i items', async (placeholders, items) => {
    const team = await makeTeam(database.pool, {
      type: 'map',
      members: [{ agent: await agent('short') }],
      configuration: { template: '{{input}}'.repeat(placeholders) },
    });
    const data = Array.from({ length: items }, (_, at) => at);
    const id = await startTeam(database.pool, team, 'y'.repeat(200 * KB), data);
    expect(await failureOf(id)).toMatchObject(LIMIT);
    expect(await childrenOf(database.pool, id)).toEqual([]);
  });

  test('of type parallel fails: 600 placeholders × an answer of 100 KB', async () => {
    const team = await makeTeam(database.pool, {
      type: 'parallel',
      members: [{ agent: await agent('long'), role: 'a' }],
      configuration: { template: '{{a}}'.repeat(600) },
    });
    const id = await startTeam(database.pool, team);
    expect(await failureOf(id)).toMatchObject({
      ...LIMIT,
      error: { code: 'limit_reached', cause: { max_bytes: MAX_JOINED_BYTES } },
    });
  });

  test('fails where an aggregator or a person would be given too much', async () => {
    const template = '{{a}}'.repeat(20);
    const aggregated = await makeTeam(database.pool, {
      type: 'parallel',
      members: [
        { agent: await agent('long'), role: 'a' },
        { agent: await agent('short'), role: 'b' },
      ],
      configuration: { template, aggregator: 'b' },
    });
    const asked = await makeTeam(database.pool, {
      type: 'chain',
      members: [{ question: { prompt: '{{input}}'.repeat(900) }, role: 'q' }],
    });
    const runs = [
      await startTeam(database.pool, aggregated),
      await startTeam(database.pool, asked, 'y'.repeat(200 * KB)),
    ];
    for (const id of runs) expect(await failureOf(id)).toMatchObject(LIMIT);
  });

  test('of type map gives large tasks to its members in several commits', async () => {
    const team = await makeTeam(database.pool, {
      type: 'map',
      members: [{ agent: await agent('short') }],
    });
    const id = await startTeam(database.pool, team, 'y'.repeat(900 * KB), [1, 2, 3, 4, 5, 6, 7]);
    expect(await failureOf(id)).toMatchObject({ status: 'completed' });
    expect(await childrenOf(database.pool, id)).toHaveLength(7);
    const { rows } = await database.pool.query(
      'select octet_length(howdah_private.team_log($1)::text) as bytes',
      [id],
    );
    expect(rows[0].bytes).toBeLessThan(10_000); // a wake-up does not read the tasks again
  });
});
