import type { Queryable } from '../connection/pool.ts';

/** A delivery to a webhook, or an attempt to deliver. */
export type Delivery = {
  id: string;
  url: string;
  event: string;
  execution_id: string | null;
  status: string;
  attempts: number;
  last_status: number | null;
  last_error: string | null;
  next_attempt_at: Date | null;
  created_at: Date;
};

const SHOWN = `d.id, d.url, d.event, d.execution_id, d.status, d.attempts, d.last_status, d.last_error,
  d.next_attempt_at, d.created_at`;

export type DeliveryFilter = {
  webhookId?: string | undefined;
  status?: string | undefined;
  limit: number;
};

/** Returns the newest deliveries of the tenant. */
export async function listDeliveries(
  client: Queryable,
  { webhookId, status, limit }: DeliveryFilter,
): Promise<Delivery[]> {
  const { rows } = await client.query<Delivery>(
    `select ${SHOWN} from howdah.webhook_deliveries as d
     where d.tenant_id = howdah.current_tenant()
       and ($1::uuid is null or d.webhook_id = $1) and ($2::howdah.delivery_status is null or d.status = $2)
     order by d.id desc limit $3`,
    [webhookId ?? null, status ?? null, limit],
  );
  return rows;
}

/** Delivers again under the same id. Throws `HWNTF`. */
export async function redeliver(client: Queryable, id: string): Promise<Delivery> {
  const { rows } = await client.query(`select ${SHOWN} from howdah.redeliver($1) as d`, [id]);
  return rows[0];
}

/** A request to an inbound hook, or the refused requests of an hour. */
export type InboundDelivery = {
  id: string;
  hook: string;
  status: string;
  requests: number;
  delivery_id: string | null;
  execution_id: string | null;
  received_at: Date;
  last_received_at: Date;
  error: { code: string; message: string; hint?: string } | null;
};

/** Returns the newest deliveries to inbound hooks of the tenant. */
export async function listInboundDeliveries(
  client: Queryable,
  filter: { hookId: string | undefined; status: string | undefined; limit: number },
): Promise<InboundDelivery[]> {
  const { rows } = await client.query<InboundDelivery>(
    `select d.id, h.name as hook, d.status, d.requests, d.delivery_id, d.execution_id, d.received_at,
       d.last_received_at, d.error
     from howdah.inbound_deliveries as d join howdah.inbound_hooks as h on h.id = d.inbound_hook_id
     where d.tenant_id = howdah.current_tenant()
       and ($1::uuid is null or d.inbound_hook_id = $1) and ($2::howdah.inbound_status is null or d.status = $2)
     order by d.id desc limit $3`,
    [filter.hookId ?? null, filter.status ?? null, filter.limit],
  );
  return rows;
}
