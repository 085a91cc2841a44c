import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../src/db/pool.ts';
import { beginWriteBack, writeBack } from '../../src/db/watches.ts';
import { Slots } from '../../src/runtime/slots.ts';
import { writeBackPayload } from '../payloads.ts';

/** So many answers are written at once: each holds one of the connections that tools in SQL need too. */
const AT_ONCE = 3;
/** Who finds none of them free comes again. */
const LATER_MS = 1_000;

/**
 * Writes the answer of a run into the row it is about. Beside the job, since a row may be locked and a table slow, and wake-ups shall
 * not wait for that; should this process end before, the job that `beginWriteBack` left in the queue tries again.
 */
export function writeBackTask(pool: Pool, log: Logger): Task {
  const slots = new Slots(AT_ONCE);
  return async (payload, { addJob }) => {
    const { id } = writeBackPayload.parse(payload);
    if (slots.reserve(1) === 0) {
      const runAt = new Date(Date.now() + LATER_MS);
      await addJob('write_back', { id }, { jobKey: `write_back ${id}`, runAt });
      return;
    }
    const isBegun = await beginWriteBack(pool, id).catch((error: unknown) => {
      slots.release();
      throw error;
    });
    if (!isBegun) {
      slots.release();
      return;
    }
    void writeBack(pool, id)
      .catch((err) => log.warn({ err, execution_id: id }, 'an answer is written back later'))
      .finally(() => slots.release());
  };
}
