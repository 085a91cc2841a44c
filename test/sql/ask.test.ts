import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, eventually, type TestDatabase } from '../support/database.ts';
import {
  completed,
  failed,
  finish,
  makeAgent,
  makeWorker,
  one,
  openSession,
  refusal,
} from './support.ts';

describe('howdah.ask', () => {
  let db: TestDatabase;
  let worker: string;

  beforeAll(async () => {
    db = await createTestDatabase();
    await makeAgent(db.pool, { name: 'support' });
    worker = await makeWorker(db.pool);
  });
  afterAll(() => db?.drop());

  /** Waits for the run with this input and does to it what a worker would. */
  const serve = async (input: string, to: Record<string, unknown>) => {
    const { id } = await eventually<{ id: string }>(
      db.pool,
      'the run is there',
      'select id from howdah.executions where input = $1',
      [input],
    );
    await finish(db.pool, worker, id, to);
    return id;
  };

  test('starts a run, waits for its end and answers', async () => {
    const asked = one(db.pool, `call howdah.ask('support', 'Where is A-1001?')`);
    await serve('Where is A-1001?', completed);
    expect(await asked).toEqual({ answer: 'It is on its way.' });
  });

  test('takes null for the answer, as psql users write it', async () => {
    const asked = one(db.pool, `call howdah.ask('support', 'null?', null)`);
    await serve('null?', completed);
    expect(await asked).toEqual({ answer: 'It is on its way.' });
  });

  test('says why a run failed', async () => {
    const refused = refusal(db.pool.query(`call howdah.ask('support', 'will fail')`));
    const id = await serve('will fail', failed);
    expect(await refused).toMatchObject({
      code: 'HWCNF',
      message: 'the run ended as failed: the model server said no',
      detail: JSON.stringify({ execution_id: id }).replace(':', ': '),
    });
  });

  test('says that a run was cancelled', async () => {
    const refused = refusal(db.pool.query(`call howdah.ask('support', 'never mind')`));
    const { id } = await eventually<{ id: string }>(
      db.pool,
      'the run is there',
      `select id from howdah.executions where input = 'never mind'`,
    );
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await refused).toMatchObject({
      code: 'HWCNF',
      message: 'the run ended as cancelled: cancelled',
    });
  });

  test('refuses an unknown agent before it waits', async () => {
    expect(await refusal(db.pool.query(`call howdah.ask('nobody', 'hi')`))).toMatchObject({
      code: 'HWNTF',
    });
  });

  test('is refused inside a transaction block, where nobody could see the run', async () => {
    const client = await db.pool.connect();
    await client.query('begin');
    const refused = await refusal(client.query(`call howdah.ask('support', 'inside')`));
    await client.query('rollback');
    client.release();
    expect(refused).toMatchObject({ code: '2D000' });
    expect(
      (await db.pool.query(`select 1 from howdah.executions where input = 'inside'`)).rows,
    ).toEqual([]);
  });

  test('works with the rights of the application', async () => {
    const client = await openSession(db.url);
    await client.query('set role howdah_app');
    const asked = one(client, `call howdah.ask('support', 'as the app')`);
    await serve('as the app', completed);
    expect(await asked).toEqual({ answer: 'It is on its way.' });
    await client.end();
  });
});
