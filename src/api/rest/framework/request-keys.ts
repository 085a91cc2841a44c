import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Queryable } from '../../../db/connection/pool.ts';

/** Returns the value of the header Idempotency-Key. */
export function keyIn(headers: IncomingHttpHeaders): string | undefined {
  return [headers['idempotency-key']].flat()[0];
}

/**
 * Takes a key for the rest of the transaction, and for a day if the transaction commits. Returns
 * the stored answer if the key came before with the same request. Throws `HWCNF` if the key came
 * before with another request.
 */
export async function takeKey<T>(
  db: Queryable,
  key: string,
  request: readonly unknown[],
): Promise<T | null> {
  const digest = createHash('sha256').update(JSON.stringify(request)).digest('hex');
  const { rows } = await db.query<{ answer: T | null }>(
    'select howdah_private.take_request_key($1, $2) as answer',
    [key, digest],
  );
  return rows[0]?.answer ?? null;
}

/** Stores the answer for later requests with the key: ids, and never the content of messages. */
export async function storeAnswer(db: Queryable, key: string, answer: object): Promise<void> {
  await db.query('select howdah_private.store_request_answer($1, $2)', [
    key,
    JSON.stringify(answer),
  ]);
}
