import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import type { RunState } from '../../../src/contracts/runs/action.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { StepRecord } from '../../../src/contracts/runs/step.ts';
import { type ClaimedRun, claimExecutions, commitSteps } from '../../../src/db/runs/runs.ts';
import { storableJson } from '../../../src/json/storable-json.ts';
import { foldLog, foldRecords } from '../../../src/runtime/held-run/fold.ts';
import { testDatabase } from '../../support/database.ts';
import { findViolations, insertRun, makeAgent } from '../arrange.ts';

const database = testDatabase();
beforeAll(async () => {
  await database.pool.query(
    `select howdah_private.register_worker($1, 'pool', 'host', 1, 'test', 1)`,
    [worker],
  );
});

const worker = randomUUID();

test.each([1, 2, 3, 4])(
  'the state a worker folds ahead equals the state a claim reads back (seed %i)',
  async (seed) => {
    const { pool } = database;
    const random = mulberry32(seed);
    const id = await insertRun(pool, await makeAgent(pool, { script: [] }));
    let claimed = await claim(id);
    let state = foldLog(claimed, true);
    for (let round = 0; round < 12; round += 1) {
      const steps = Array.from({ length: 1 + Math.floor(random() * 3) }, () => someRecord(random));
      const { execution_id, fence, step_count: after } = claimed;
      const results = await commitSteps(pool, worker, [{ id: execution_id, fence, after, steps }]);
      const result = results.get(id);
      if (result?.outcome !== 'committed') throw new Error('not committed');
      state = foldRecords(state, steps, result);
      await pool.query('select howdah_private.release_executions($1, null, false)', [worker]);
      claimed = await claim(id);
      expect(claimed.step_count).toBe(result.step_count);
      expect(comparable(foldLog(claimed, true))).toEqual(comparable(state));
    }
    expect(await findViolations(pool)).toEqual([]);
    await pool.query('select howdah.cancel_execution($1)', [id]);
  },
);

async function claim(id: string): Promise<ClaimedRun> {
  const [run] = await claimExecutions(database.pool, worker, { ids: [id], offered: [] }, null, 0);
  if (!run) throw new Error(`run ${id} could not be claimed`);
  return run;
}

/** Returns the state as JSON that Postgres can store, without fields that exist only in the log. */
function comparable({ messages, steps_since_answer, exhausted }: RunState): object {
  const withoutLogFields = (message: Message) =>
    Object.fromEntries(
      Object.entries(message).filter(
        ([key, value]) => value !== null && key !== 'seq' && key !== 'step_seq',
      ),
    );
  const steps = steps_since_answer.map(({ kind, name, input, error }) => ({
    kind,
    name,
    input,
    error,
  }));
  return JSON.parse(storableJson({ messages: messages.map(withoutLogFields), steps, exhausted }));
}

function someRecord(random: () => number): StepRecord {
  const dice = Math.floor(random() * 5);
  const text = ['plain', 'ä€🐘', '\u0000 in it', 'lone \ud800', '"quoted"\\ \n'][
    Math.floor(random() * 5)
  ] as string;
  const call = { id: `call_${random()}`, name: 'look', arguments: text };
  const records: StepRecord[] = [
    {
      kind: 'model',
      name: 'm',
      tokens_in: 3,
      tokens_out: 1,
      messages: [{ role: 'assistant', content: text }],
    },
    {
      kind: 'model',
      name: 'm',
      messages: [{ role: 'assistant', content: null, tool_calls: [call] }],
    },
    {
      kind: 'tool',
      input: { text },
      output: text,
      messages: [{ role: 'tool', content: text, tool_call_id: call.id }],
    },
    { kind: 'retry', name: text, error: { code: 'overloaded', message: text, retryable: true } },
    {
      kind: 'guard',
      name: 'g',
      messages: [{ role: 'user', content: text, parts: [{ type: 'text', text }] }],
    },
  ];
  return records[dice] as StepRecord;
}

function mulberry32(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
