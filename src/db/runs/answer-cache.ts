import type { AnswerCache, CachedAnswer } from '../../contracts/agents/model.ts';
import type { CachedToolAnswer, ToolAnswerCache } from '../../contracts/agents/tool.ts';
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

/** Creates the cache of answers of tools of a database. */
export function toolAnswerCacheOn(pool: Pool): ToolAnswerCache {
  return {
    async find(executionId, toolId, digest) {
      const { rows } = await pool.query<
        CachedToolAnswer & { key: Buffer; answered_by: string | null }
      >(
        'select c.*, c.step_seq as seq from howdah_private.use_cached_tool_answer($1, $2, $3) as c',
        [...[executionId, toolId, digest]],
      );
      const [row] = rows;
      if (!row) return undefined;
      const { key, answered_by, seq, output, content, trust } = row;
      return {
        key,
        answer:
          answered_by === null
            ? undefined
            : { execution_id: answered_by, seq, output, content, trust },
      };
    },
    async add(executionId, toolId, key, messageSeq) {
      await pool.query('select howdah_private.cache_tool_answer($1, $2, $3, $4)', [
        ...[executionId, toolId, key, messageSeq],
      ]);
    },
  };
}
