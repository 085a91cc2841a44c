import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../../src/db/connection/pool.ts';
import { faultOf } from '../../../src/db/connection/sqlstate.ts';
import {
  type IndexOptions,
  indexVectors,
  plannedIndexes,
} from '../../../src/db/knowledge/index-vectors.ts';
import { isPaused, recordBatch } from '../../../src/db/worker/batch-progress.ts';

/**
 * Creates the task that creates and drops the indexes of vectors, where the server has pgvector. A
 * worker whose login is not an owner leaves them to `howdah admin index-vectors`, and logs that
 * when there is something to do. An index that fails is tried again the next night.
 */
export function indexVectorsTask(pool: Pool, options: IndexOptions, log: Logger): Task {
  return async () => {
    if (await isPaused(pool, 'index_vectors')) return;
    if ((await plannedIndexes(pool, options.atLeast)).length === 0) return;
    try {
      for (const { error, ...index } of (await indexVectors(options)) ?? []) {
        await recordBatch(
          pool,
          'index_vectors',
          error ? 0 : 1,
          error ? new Error(error) : undefined,
        );
        if (error) log.error({ ...index, error }, 'an index of vectors failed');
        else log.info(index, 'an index of vectors was created or dropped');
      }
    } catch (err) {
      if (faultOf(err).code !== 'HWDEN') throw err;
      log.warn(
        { err },
        'searches by vectors are slower than they could be: an owner of the database must run howdah admin index-vectors',
      );
    }
  };
}
