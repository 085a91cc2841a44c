import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../src/db/pool.ts';
import { beginWriteBack, writeBack } from '../../src/db/watches.ts';
import { writeBackPayload } from '../payloads.ts';
import { WaitingLine } from '../waiting-line.ts';

/** So many answers are written at once, whosever: each holds one of the connections that tools in SQL need too. */
const ROOM = { atOnce: 3, ofOneTenant: 3 };
const ANYBODY = '';

/**
 * Writes the answer of a run into the row it is about. Beside the job, since a row may be locked and a table slow, and wake-ups shall
 * not wait for that; should this process end before, the job that `beginWriteBack` left in the queue tries again.
 */
export function writeBackTask(pool: Pool, log: Logger): Task {
  const line = new WaitingLine<string>(
    ROOM,
    {
      begin: async ({ id }) => ((await beginWriteBack(pool, id)) ? id : undefined),
      go: (id) => writeBack(pool, id),
    },
    (err, { id }) => log.warn({ err, execution_id: id }, 'an answer is written back later'),
  );
  return async (payload, { addJob }) => {
    const { id } = writeBackPayload.parse(payload);
    const runAt = await line.come({ id, tenant_id: ANYBODY });
    if (runAt) await addJob('write_back', { id }, { jobKey: `write_back ${id}`, runAt });
  };
}
