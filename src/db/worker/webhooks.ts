import type { Pool } from '../connection/pool.ts';

/** What the database tells of deliveries, and what is told it; the types are those of who asks. */
export function deliveriesOn<
  Delivery extends { id: string; attempt: number },
  Result extends { status: number | null; error: string | null; retryAfterMs: number | null },
>(pool: Pool) {
  return {
    /** The attempt that begins; nothing when it is over, or somebody else is at it. */
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
