import { expect, test } from 'vitest';
import { openRunListener } from '../../../src/db/feed/run-listener.ts';
import { insertRun, makeAgent } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';

const database = testDatabase();

test('a listener receives tokens again after its connection was lost', async () => {
  const { pool, url } = database;
  const id = await insertRun(pool, await makeAgent(pool, { script: [{ content: 'done' }] }));
  const listener = await openRunListener(url, [id], new AbortController().signal, { tokens: true });
  const piece = { execution_id: id, seq: 1, attempt: 1, text: 'hello' };
  const heard = async () => {
    await pool.query('select howdah_private.announce_tokens($1)', [JSON.stringify([piece])]);
    await listener.nextChanged([id]);
    return listener.pieces()[0];
  };
  expect(await heard()).toEqual(piece);
  await pool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'howdah-cli' and datname = current_database()`,
  );
  await expect.poll(heard).toEqual(piece);
  await listener.close();
  await pool.query('select howdah.cancel_execution($1)', [id]);
});
