import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { makeAgent, makeRun } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { driveRun, startTestApi } from '../../harness.ts';
import { openStream } from '../events.ts';

/** Number of concurrent streams of one run, and of the steps it commits meanwhile. */
const STREAMS = 60;
const STEPS = 150;

const db = testDatabase();
let api: ApiServer;
beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

/**
 * Follows a run to its end, disconnects after each of these numbers of events, and returns the ids
 * in order of arrival.
 */
async function followInPieces(path: string, pieces: readonly number[]): Promise<string[]> {
  const ids: string[] = [];
  for (const most of [...pieces, Number.POSITIVE_INFINITY]) {
    const lastEventId = ids.at(-1);
    const stream = await openStream(api, path, lastEventId === undefined ? {} : { lastEventId });
    const ended = stream.end.then(() => true);
    const enough = stream.when(() => stream.events.length >= most).then(() => false);
    enough.catch(() => {}); // the stream may end earlier
    const isEnd = await Promise.race([ended, enough]);
    const received = isEnd ? stream.events : stream.events.slice(0, most);
    stream.close();
    ids.push(...received.flatMap(({ id }) => id ?? []));
    if (isEnd) break;
  }
  return ids;
}

test('every stream, cut anywhere, gets each event of the run once, in order', async () => {
  const id = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
  const run = await driveRun(db.pool, id);
  const path = `/api/executions/${id}/stream`;
  const cuts = fc.sample(fc.array(fc.integer({ min: 1, max: 60 }), { maxLength: 4 }), {
    numRuns: STREAMS,
    seed: 4711,
  });
  const all = Promise.all(cuts.map((pieces) => followInPieces(path, pieces)));
  await run.steps(STEPS - 1);
  await run.finish();
  const expected = [
    ...Array.from({ length: STEPS - 1 }, (_, index) => `${index + 1}.1`),
    `${STEPS}.1`, // `complete`: the last step has no event of its own
  ];
  for (const ids of await all) expect(ids).toEqual(expected);
});
