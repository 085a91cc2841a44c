import { randomUUID } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { listenTo } from '../../../src/db/feed/listen-connection.ts';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  answer,
  asRole,
  claim,
  commit,
  finish,
  makeRun,
  makeSession,
  makeWorker,
  one,
  openSession,
} from '../support.ts';

describe('the live feed', () => {
  const db = testDatabase();
  let worker: string;

  beforeAll(async () => {
    worker = await makeWorker(db.pool);
  });

  const watch = (listener: string, ids: string[]) =>
    db.pool.query('select howdah_private.watch($1, $2)', [listener, ids]);
  const unwatch = (listener: string, ids: string[] | null) =>
    db.pool.query('select howdah_private.unwatch($1, $2)', [listener, ids]);
  const watched = async (listener: string) =>
    (
      await all(
        db.pool,
        'select execution_id from howdah_private.watchers where listener = $1 order by 1',
        [listener],
      )
    ).map((row) => row.execution_id);

  test('listeners subscribe, renew and unsubscribe, from one run or all', async () => {
    const listener = randomUUID();
    const ids = [await makeRun(db.pool), await makeRun(db.pool), await makeRun(db.pool)];
    await watch(listener, ids);
    await watch(listener, ids);
    expect(await watched(listener)).toEqual([...ids].sort());
    await unwatch(listener, [ids[0] as string]);
    expect(await watched(listener)).toEqual(ids.slice(1).sort());
    await unwatch(listener, null);
    expect(await watched(listener)).toEqual([]);
  });

  test('an expired listener is deleted when the next one unsubscribes', async () => {
    const [gone, other] = [randomUUID(), randomUUID()];
    const id = await makeRun(db.pool);
    await watch(gone, [id]);
    await db.pool.query(
      `update howdah_private.watchers set expires_at = now() - interval '1 second' where listener = $1`,
      [gone],
    );
    await unwatch(other, null);
    expect(await watched(gone)).toEqual([]);
  });

  test('a notification contains only ids', async () => {
    const listener = await openSession(db.url);
    const heard: string[] = [];
    listener.on('notification', (message) => heard.push(message.payload ?? ''));
    await listenTo(listener, ['feed']);
    const ids = [randomUUID(), randomUUID()];
    await db.pool.query('select howdah_private.announce($1)', [ids]);
    await listener.query('select 1');
    await listener.end();
    expect(heard.sort()).toEqual([...ids].sort());
  });

  test('returns steps after each cursor, in order, up to a maximum per run', async () => {
    const [first, second] = [await makeRun(db.pool), await makeRun(db.pool)];
    await claim(db.pool, worker, [first, second]);
    const steps = [answer, answer, answer];
    await commit(db.pool, worker, [
      { id: first, fence: 1, after: 0, steps },
      { id: second, fence: 1, after: 0, steps },
    ]);
    const rows = await all(
      db.pool,
      'select * from howdah_private.steps_after($1, $2, 2) order by execution_id, seq',
      [
        [first, second],
        [0, 2],
      ],
    );
    expect(rows.map((row) => [row.execution_id, row.seq])).toEqual([
      [first, 1],
      [first, 2],
      [second, 3],
    ]);
    expect(rows[0]?.step).toMatchObject({
      execution_id: first,
      kind: 'model',
      cost: '0',
      started_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d$/),
    });
  });

  test.each([
    [
      'steps',
      'select place, seq, step as body, is_cut from howdah_private.steps_after($1, $2, 10, $3)',
      'runs',
    ],
    [
      'rows of trees',
      `select place, seq, step as body, is_cut from howdah_private.tree_rows_after(
         $1, $2, '{0,0}', '{6,6}', 10, $3)`,
      'runs',
    ],
    [
      'messages',
      `select place, seq, message as body, is_cut from howdah_private.session_messages_after(
         $1, '{1,1}', $2, 10, null, null, $3)`,
      'sessions',
    ],
  ] as const)(
    'reads of %s end after some bytes, and the next ones continue',
    async (_of, text, by) => {
      const sessions = [await makeSession(db.pool), await makeSession(db.pool)];
      const runs: string[] = [];
      const steps = Array.from({ length: 6 }, () => ({
        ...answer,
        output: { text: 'x'.repeat(100_000) },
        messages: [{ role: 'assistant', content: 'y'.repeat(100_000) }],
      }));
      for (const session_id of sessions) {
        const id = await makeRun(db.pool, { session_id });
        await claim(db.pool, worker, [id]);
        await commit(db.pool, worker, [{ id, fence: 1, after: 0, steps }]);
        runs.push(id);
      }
      const cursors = [0, 0];
      const seen: number[][] = [[], []];
      const sizes: number[] = [];
      for (let isCut = true; isCut && sizes.length < 20; ) {
        const rows = await all(db.pool, text, [by === 'runs' ? runs : sessions, cursors, 250_000]);
        for (const { place, seq } of rows) {
          seen[place - 1]?.push(seq);
          cursors[place - 1] = seq;
        }
        sizes.push(JSON.stringify(rows).length);
        isCut = rows.at(-1)?.is_cut ?? false;
        expect(rows.slice(0, -1).some((row) => row.is_cut)).toBe(false);
      }
      const all7 = [1, 2, 3, 4, 5, 6, 7];
      const expected = by === 'runs' ? all7.slice(0, 6) : all7; // message 1 is the input
      expect(seen).toEqual([expected, expected]);
      expect(sizes.length).toBeGreaterThan(3);
      for (const size of sizes) expect(size).toBeLessThan(360_000);
      // without a bound, as older processes call it
      const whole = await all(db.pool, text, [by === 'runs' ? runs : sessions, [0, 0], null]);
      expect(whole).toHaveLength(2 * expected.length);
      expect(whole.some((row) => row.is_cut)).toBe(false);
    },
  );

  test('the state of a run changes with every commit and end', async () => {
    const id = await makeRun(db.pool);
    const state = () => one(db.pool, 'select * from howdah_private.execution_states($1)', [[id]]);
    const before = await state();
    expect(before).toMatchObject({ execution_id: id, status: 'queued', step_count: 0 });
    await finish(db.pool, worker, id);
    const after = await state();
    expect(after).toMatchObject({ status: 'completed', step_count: 2 });
    expect(after.updated_at).not.toBe(before.updated_at);
  });

  test('a worker can read the definition of a version', async () => {
    const id = await makeRun(db.pool);
    const { agent_version_id } = await one(
      db.pool,
      'select agent_version_id from howdah.executions where id = $1',
      [id],
    );
    await asRole(db.pool, 'howdah_worker', {}, async (client) => {
      const { definition } = await one(
        client,
        'select howdah_private.agent_version($1) as definition',
        [agent_version_id],
      );
      expect(definition).toMatchObject({ agent: { max_steps: null }, tools: [] });
    });
  });

  test('the API can read the feed of any run, the application of none', async () => {
    const id = await makeRun(db.pool);
    const calls = [
      `select howdah_private.watch('${randomUUID()}', array['${id}'::uuid])`,
      `select * from howdah_private.steps_after(array['${id}'::uuid], '{0}', 10)`,
      `select * from howdah_private.execution_states(array['${id}'::uuid])`,
      `select howdah_private.unwatch('${randomUUID()}', null)`,
    ];
    for (const call of calls) {
      await asRole(db.pool, 'howdah_authenticator', {}, (client) => client.query(call));
      await asRole(db.pool, 'howdah_app', {}, async (client) => {
        await expect(client.query(call)).rejects.toThrow(/permission denied/);
      });
    }
  });
});
