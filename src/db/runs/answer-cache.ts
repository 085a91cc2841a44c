import type { AnswerCache, CachedAnswer } from '../../contracts/agents/model.ts';
import type { Pool } from '../connection/pool.ts';

/** Creates the answer cache of a database. */
export function answerCacheOn(pool: Pool): AnswerCache {
  return {
    async find(executionId, digest, maxAge) {
      const { rows } = await pool.query<CachedAnswer>(
        `select c.answered_by as execution_id, c.step_seq as seq, c.content, c.parts, c.tool_calls,
           c.finish_reason
         from howdah_private.use_cached_answer($1, $2, $3) as c`,
        [executionId, digest, maxAge],
      );
      return rows[0];
    },
    async add(executionId, digest, messageSeq) {
      await pool.query('select howdah_private.cache_answer($1, $2, $3)', [
        ...[executionId, digest, messageSeq],
      ]);
    },
  };
}
