import { pino } from 'pino';
import { expect, test } from 'vitest';
import { Heartbeat } from '../../../workers/upkeep/heartbeat.ts';
import { all } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();

test('a worker whose queue is replaced while it registers has the pool id of the new queue', async () => {
  const workers: (string | null)[] = [];
  let poolId = 'old';
  const heartbeat = new Heartbeat({
    url: db.url,
    release: 'test',
    log: pino({ level: 'silent' }),
    queue: {
      get poolId() {
        return poolId;
      },
    },
    async masterKeys() {
      poolId = 'new'; // the queue is replaced after its id was read
      return [];
    },
    pools: () => [],
    onControl: () => {},
    onDueAnswers: () => {},
    onDueRuns: () => {},
    onOffer: () => {},
    customTools: () => [],
    customEngines: [],
    onWorker: (id) => workers.push(id),
  });
  await heartbeat.start();
  expect(await all(db.pool, 'select id, pool_id from howdah_private.workers')).toEqual([
    { id: heartbeat.worker, pool_id: 'new' },
  ]);
  expect(workers).toEqual([heartbeat.worker]);
  await heartbeat.stop();
});
