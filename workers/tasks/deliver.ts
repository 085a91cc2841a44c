import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Deliveries } from '../../src/db/worker/delivery-attempts.ts';
import type { DeliveryResult, WebhookDelivery } from '../../src/tools/webhooks/send.ts';
import { FairTaskQueue } from '../fair-task-queue.ts';
import { deliverPayload } from '../payloads.ts';

/**
 * The limits of deliveries at once. A tenant whose receivers do not answer delays only its own
 * deliveries.
 */
const ROOM = { atOnce: 32, ofOneTenant: 8 };

/**
 * Creates the task that sends a webhook delivery that is due. The delivery is sent outside of the
 * job, because a receiver that does not answer would delay wake-ups. If this process ends before,
 * the job that `begin` left in the queue tries again. Replies to inbound deliveries are sent in the
 * same way, by a job of their own.
 */
export function deliverTask(
  deliveries: Deliveries<WebhookDelivery, DeliveryResult>,
  send: (delivery: WebhookDelivery) => Promise<DeliveryResult>,
  log: Logger,
  job: 'deliver' | 'deliver_reply' = 'deliver',
): Task {
  const line = new FairTaskQueue<WebhookDelivery>(
    ROOM,
    {
      begin: ({ id }) => deliveries.begin(id),
      go: async (delivery) => deliveries.end(delivery, await send(delivery)),
    },
    (err, { id }) => log.warn({ err, delivery_id: id }, 'a delivery will be retried in a minute'),
  );
  return async (payload, { addJob }) => {
    const { id, tenant_id } = deliverPayload.parse(payload);
    const runAt = await line.submit({ id, tenant_id });
    if (runAt) await addJob(job, { id, tenant_id }, { jobKey: `delivery ${id}`, runAt });
  };
}
