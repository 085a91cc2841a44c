import type { Pool } from '../connection/pool.ts';

/**
 * Creates the calls that begin and end deliveries in the database. The caller provides the types.
 */
export function deliveriesOn<
  Delivery extends { id: string; attempt: number },
  Result extends { status: number | null; error: string | null; retryAfterMs: number | null },
>(pool: Pool) {
  return {
    /**
     * Begins an attempt. Returns undefined when the delivery is over or another worker handles it.
     */
    begin: async (id: string): Promise<Delivery | undefined> => {
      const text = 'select howdah_private.begin_delivery($1) as delivery';
      const { rows } = await pool.query<{ delivery: Delivery | null }>(text, [id]);
      return rows[0]?.delivery ?? undefined;
    },
    end: async ({ id, attempt }: Delivery, { status, error, retryAfterMs }: Result) => {
      const text = 'select howdah_private.end_delivery($1, $2, $3, $4, $5)';
      await pool.query(text, [id, attempt, status, error, retryAfterMs]);
    },
  };
}

export type Deliveries<Delivery, Result> = {
  begin(id: string): Promise<Delivery | undefined>;
  end(delivery: Delivery, result: Result): Promise<void>;
};
