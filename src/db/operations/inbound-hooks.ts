import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import type { Pool, Queryable } from '../connection/pool.ts';

/** An active inbound hook, with what verifies and maps its requests. */
export type InboundHook = {
  id: string;
  tenant_id: string;
  user_id: string | null;
  verification: EnumLabel<'hook_verification'>;
  /** The names of the secrets, of which one must be right. */
  secrets: string[];
  secret_header: string | null;
  condition: string | null;
  mapping: Record<string, string>;
  session_key: string | null;
  debounce_key: string | null;
  reply: string | null;
};

/** The address of a hook: the slug of its tenant, and its name. */
export type HookAddress = { tenant: string; name: string };

/** Returns the active hooks at these addresses, in the same order, or null where there is none. */
export async function findInboundHooks(
  pool: Pool,
  addresses: readonly HookAddress[],
): Promise<(InboundHook | null)[]> {
  const { rows } = await pool.query<{ hook: InboundHook | null }>(
    'select f.hook from howdah_private.find_inbound_hooks($1, $2) as f',
    [addresses.map(({ tenant }) => tenant), addresses.map(({ name }) => name)],
  );
  return rows.map(({ hook }) => hook);
}

/** Requests to a hook that were refused for one reason. */
export type RefusedRequests = {
  hook_id: string;
  code: string;
  message: string;
  hint: string;
  requests: number;
};

/** Adds to the numbers of refused requests. */
export async function countRefusedRequests(
  pool: Pool,
  refusals: readonly RefusedRequests[],
): Promise<void> {
  const text = 'select howdah_private.count_refused_deliveries($1)';
  await pool.query(text, [JSON.stringify(refusals)]);
}

/** The result of a delivery. `error` says why it has no run. */
export type InboundResult = {
  status: 'accepted' | 'ignored' | 'failed';
  delivery_id: string;
  execution_id: string | null;
  /** True if the delivery arrived before, and this request did nothing. */
  is_repeat: boolean;
  error: { code: string; message: string; hint?: string; detail?: Json } | null;
};

/** Receives a verified delivery, as the user of its hook. */
export async function receiveDelivery(
  db: Queryable,
  hookId: string,
  delivery: JsonObject,
): Promise<InboundResult> {
  const { rows } = await db.query<{ result: InboundResult }>(
    'select howdah_private.receive_delivery($1, $2) as result',
    [hookId, JSON.stringify(delivery)],
  );
  const [row] = rows;
  if (!row) throw new Error('receive_delivery returned no row');
  return row.result;
}
