import { expect, test } from 'vitest';
import { saysConnectionLoss } from '../../src/db/connection/sqlstate.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createLogRedaction } from '../../src/telemetry/log-redaction.ts';
import { OutageLines } from '../../src/telemetry/outage-lines.ts';

const LOST = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), {
  code: 'ECONNREFUSED',
});

/** A database that is away until it is told to return. Probes wait until they are let through. */
function awayDatabase() {
  let isAway = true;
  let next = Promise.withResolvers<void>();
  return {
    outages: {
      isOutage: saysConnectionLoss,
      probe: async () => {
        if (isAway) throw LOST;
      },
      wait: () => next.promise,
    },
    /** Lets the probes of the moment end. */
    settle: () => new Promise(setImmediate),
    async goOn(answers: boolean) {
      isAway = !answers;
      const { resolve } = next;
      next = Promise.withResolvers();
      resolve();
      await new Promise(setImmediate);
    },
  };
}

function logOn(database: ReturnType<typeof awayDatabase>) {
  const lines: Record<string, unknown>[] = [];
  const log = createLog(
    {
      ...{ logLevel: 'info', logFormat: 'json', isTty: false, isColoured: false },
      redaction: createLogRedaction([]),
      outages: database.outages,
    },
    { write: (line) => lines.push(JSON.parse(line)) },
  );
  return { log, messages: () => lines.map(({ msg }) => msg), lines };
}

test('a loop that fails while the database is away logs when it goes and when it returns', async () => {
  const database = awayDatabase();
  const { log, lines, messages } = logOn(database);
  const queue = log.child({ scope: 'queue' });
  log.warn({ err: LOST }, 'due runs could not be looked for');
  await database.settle();
  for (let round = 0; round < 5; round++) {
    log.warn({ err: LOST }, 'due runs could not be looked for');
    log.warn({ reason: LOST.message }, 'the chores failed');
    queue.warn(`Error with notify listener (trying again in ${round}ms): ${LOST.message}`);
    log.error({ err: new Error('no such model') }, 'another failure');
    await database.goOn(false);
  }
  await database.goOn(true);
  expect(messages().filter((message) => message !== 'another failure')).toEqual([
    'due runs could not be looked for',
    'the chores failed',
    'Error with notify listener (trying again in 0ms): connect ECONNREFUSED 127.0.0.1:5432',
    'the database answers again',
  ]);
  expect(messages().filter((message) => message === 'another failure')).toHaveLength(5);
  expect(lines.at(-1)).toMatchObject({ left_out: 13 });
});

test('a failure of another server is logged each time while the database answers', async () => {
  const database = awayDatabase();
  await database.goOn(true);
  const { log, messages } = logOn(database);
  for (let round = 0; round < 3; round++) {
    log.warn({ err: LOST }, 'a delivery will be retried');
    await database.settle();
  }
  expect(messages()).toEqual(Array(3).fill('a delivery will be retried'));
});

test('a message appears again after a minute, with the number of lines that were left out', async () => {
  const database = awayDatabase();
  let now = 0;
  const returns: unknown[] = [];
  const lines = new OutageLines(
    database.outages,
    (outage) => returns.push(outage),
    () => now,
  );
  const admitted = () => lines.admit('due runs could not be looked for', [LOST]);
  expect(admitted()).toBe(0);
  await database.settle();
  expect([admitted(), admitted()]).toEqual([null, null]);
  now = 60_000;
  expect([admitted(), admitted()]).toEqual([2, null]);
  await database.goOn(true);
  expect(returns).toEqual([{ away_s: 60, left_out: 3 }]);
  expect(admitted()).toBe(0); // another outage
});
