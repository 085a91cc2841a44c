import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { makeAgent, makeRun, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();

test('progress of a run that nobody follows is announced only if the run has just begun', async () => {
  const fresh = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
  const old = `019a0000${fresh.slice(8)}`;
  const client = await db.pool.connect();
  const received: string[] = [];
  client.on('notification', ({ payload = '{}' }) => received.push(payload));
  const { name } = await one(db.pool, `select howdah_private.channel('tokens') as name`);
  await client.query(`listen "${name}"`);
  const notes = [fresh, old].flatMap((execution_id) =>
    ['progress', 'log'].map((type) => ({ type, execution_id, id: randomUUID() })),
  );
  await db.pool.query('select howdah_private.announce_notes($1)', [JSON.stringify(notes)]);
  await client.query('select'); // what was sent before has arrived after it
  await client.query('unlisten *');
  client.release();
  expect(received.map((payload) => JSON.parse(payload))).toEqual(
    notes.filter(({ type, execution_id }) => type === 'log' || execution_id === fresh),
  );
});
