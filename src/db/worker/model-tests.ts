import type { EndedModelTest } from '../../contracts/agents/model-test.ts';
import { storableJson } from '../../json/storable-json.ts';
import type { Pool } from '../connection/pool.ts';

/** A test as its job names it. */
type ModelTestJob = { id: string; tenant_id: string; attempt: number };

/** Creates the calls that begin and end tests. The caller provides the type of a tested model. */
export function modelTestsOn<Tested>(pool: Pool) {
  return {
    /**
     * Begins an attempt; the next attempt is in the queue then. Returns undefined when the test has
     * ended.
     */
    begin: async ({ id, tenant_id, attempt }: ModelTestJob): Promise<Tested | undefined> => {
      const { rows } = await pool.query<{ tested: Tested | null }>(
        'select howdah_private.begin_model_test($1, $2, $3) as tested',
        [tenant_id, id, attempt],
      );
      return rows[0]?.tested ?? undefined;
    },
    end: async (
      { id, tenant_id }: ModelTestJob,
      { result, seconds }: EndedModelTest,
    ): Promise<void> => {
      const values = [tenant_id, id, storableJson(result), seconds];
      await pool.query('select howdah_private.end_model_test($1, $2, $3, $4)', values);
    },
  };
}

export type ModelTests<Tested> = ReturnType<typeof modelTestsOn<Tested>>;
