import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all } from '../support.ts';

// Recorded conversations of an agent of an airline (τ-bench), each with the calls that were right
// and a reward, which compares the rows of the airline afterwards.

const ASSETS = process.env.HOWDAH_TEST_ASSETS;

/** The tools that change rows. */
const WRITES = [
  'book_reservation',
  'cancel_reservation',
  'send_certificate',
  'update_reservation_baggages',
  'update_reservation_flights',
  'update_reservation_passengers',
];

type Recorded = {
  id: string;
  reward: number;
  messages: { tool_calls?: { function: { name: string; arguments: string } }[] }[];
  gold_actions: { name: string; kwargs: object }[];
};

describe.skipIf(!ASSETS)('the recorded trajectories of an airline', () => {
  const db = testDatabase();

  async function passed(match: string): Promise<Record<string, number>> {
    const file = join(ASSETS ?? '', 'trajectories-tau-airline/trajectories.jsonl');
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const recorded = lines.map((line) => JSON.parse(line) as Recorded);
    const rows = recorded.map(({ id, reward, messages, gold_actions }) => ({
      ...{ id, reward },
      actual: messages
        .flatMap(({ tool_calls = [] }) => tool_calls)
        .map((call) => ({
          name: call.function.name,
          arguments: JSON.parse(call.function.arguments),
        })),
      expected: gold_actions.map(({ name, kwargs }) => ({ name, arguments: kwargs })),
    }));
    const graded = await all<{ reward: number; is_right: boolean; count: number }>(
      db.pool,
      `select r.reward, (howdah_private.grade_trajectory(r.actual, r.expected, $2) ->> 'score')::float8 = 1
         as is_right, count(*)::int
       from jsonb_to_recordset($1) as r (reward float8, actual jsonb, expected jsonb)
       group by 1, 2`,
      [JSON.stringify(rows), JSON.stringify({ match, tools: WRITES })],
    );
    return Object.fromEntries(
      graded.map(({ reward, is_right, count }) => [`reward ${reward}, ${is_right}`, count]),
    );
  }

  test('have the expected calls and no others where the rows are right, in 93 of 100', async () => {
    // 4 right ones repeated a call that had failed, and 3 wrong ones said something wrong
    expect(await passed('exact')).toEqual({
      ...{ 'reward 1, true': 45, 'reward 1, false': 4 },
      ...{ 'reward 0, false': 48, 'reward 0, true': 3 },
    });
  });

  test('have the expected calls in order in all 49 whose rows are right', async () => {
    // 33 of them expect no calls of these tools, and none was made
    expect(await passed('in_order')).toMatchObject({ 'reward 1, true': 49 });
  });
});
