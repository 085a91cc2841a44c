import type { JsonObject } from '../../json/json.ts';
import { inTransaction, type Pool, quoteText } from '../connection/pool.ts';
import { boundQuery, FORGET_SESSION, inSandbox } from '../sql-tools/sql-sandbox.ts';

type Answer =
  | { done: string; error?: JsonObject }
  | { table: string; statement: string; argument: JsonObject };

const WRITE_MS = 10_000;
/**
 * The role that has the rights on the columns of all tenants' watches. Nothing else runs as this
 * role.
 */
const WRITER = 'howdah_writer';
/** A tenant id that belongs to nobody, so that triggers of the table reach no rows of a tenant. */
const NOBODY = '00000000-0000-0000-0000-000000000000';

/**
 * Begins an attempt. The next attempt is already in the queue. Returns false when there is nothing
 * to write.
 */
export async function beginWriteBack(pool: Pool, executionId: string): Promise<boolean> {
  const text = 'select howdah_private.begin_write_back($1) as is_started';
  return (
    (await pool.query<{ is_started: boolean }>(text, [executionId])).rows[0]?.is_started ?? false
  );
}

export type WriteBackOptions = {
  /**
   * Decrypts the answer of a run that was encrypted while it waited to be written. Throws if the
   * answer cannot be decrypted.
   */
  decrypt?(answer: JsonObject): Promise<JsonObject>;
  writeMs?: number;
};

/**
 * Writes the answer of a run into its row, and records the result in the same commit. Throws
 * temporary errors. Records errors of the table.
 */
export function writeBack(
  pool: Pool,
  executionId: string,
  { decrypt = async (answer) => answer, writeMs = WRITE_MS }: WriteBackOptions = {},
): Promise<void> {
  return inTransaction(
    pool,
    async (client) => {
      const end = (done: string, error: JsonObject | null) =>
        client.query('select howdah_private.end_write_back($1, $2, $3)', [
          executionId,
          done,
          error && JSON.stringify(error),
        ]);
      const { rows } = await client.query<{ answer: Answer | null }>(
        'select howdah_private.prepare_write_back($1) as answer',
        [executionId],
      );
      const answer = rows[0]?.answer;
      if (!answer) return;
      if ('done' in answer) {
        await end(answer.done, answer.error ?? null);
        return;
      }
      try {
        const { statement, table } = answer;
        const argument = JSON.stringify(await decrypt(answer.argument));
        const write = () => boundQuery(client, statement, argument, writeMs, WRITER);
        const verify = `select howdah_private.check_tenant_code(${quoteText(table)}),
          howdah_private.check_answer_is_newest(${quoteText(executionId)})`;
        const boundTo = { tenantId: NOBODY, executionId, isUserless: true };
        const [done] = await inSandbox(client, boundTo, writeMs, write, WRITER, verify);
        await end(done ?? 'failed', null);
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        if (!code || /^(08|40|53|55|57|58)/.test(code)) throw error;
        await end('failed', { code, message });
      }
    },
    FORGET_SESSION,
  );
}
