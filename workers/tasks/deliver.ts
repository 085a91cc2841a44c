import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Deliveries } from '../../src/db/webhooks.ts';
import type { Delivery, DeliveryResult } from '../../src/tools/webhooks/send.ts';
import { deliverPayload } from '../payloads.ts';
import { TenantSlots } from '../tenant-slots.ts';

/** So many receivers are told at once. */
const AT_ONCE = 32;
/** Whose receivers do not answer holds up his own, not everybody's. */
const OF_ONE_TENANT = 8;
/** Who finds none of them free comes again. */
const LATER_MS = 1_000;

/**
 * A webhook is due. It is sent beside the job, since a receiver that does not answer would keep wake-ups waiting; should this
 * process end before, the job that `begin` left in the queue tries again.
 */
export function deliverTask(
  deliveries: Deliveries<Delivery, DeliveryResult>,
  send: (delivery: Delivery) => Promise<DeliveryResult>,
  log: Logger,
): Task {
  const slots = new TenantSlots(AT_ONCE, OF_ONE_TENANT);
  const deliver = async (delivery: Delivery): Promise<void> => {
    try {
      await deliveries.end(delivery, await send(delivery));
    } catch (err) {
      log.warn({ err, delivery_id: delivery.id }, 'a delivery is tried again in a minute');
    } finally {
      slots.leave(delivery.tenant_id);
    }
  };
  return async (payload, { addJob }) => {
    const { id, tenant_id } = deliverPayload.parse(payload);
    if (!slots.enter(tenant_id)) {
      const runAt = new Date(Date.now() + LATER_MS);
      await addJob('deliver', { id, tenant_id }, { jobKey: `delivery ${id}`, runAt });
      return;
    }
    const delivery = await deliveries.begin(id).catch((error: unknown) => {
      slots.leave(tenant_id);
      throw error;
    });
    if (delivery) void deliver(delivery);
    else slots.leave(tenant_id);
  };
}
