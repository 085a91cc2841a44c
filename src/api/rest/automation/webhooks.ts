import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import { issueCallbackKey, issueWebhookKey } from '../../../operations/automation/signing-keys.ts';
import { answerPage } from '../../../operations/pagination.ts';
import { webhooks } from '../../../resources/automation/webhooks.ts';
import { columnList } from '../../../resources/column-list.ts';
import { equalTo } from '../../../resources/equal-to.ts';
import { anyCase, byId, id, object, page, pageOf, time } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import { type Route, route } from '../framework/route.ts';

const STATUSES = enumLabels.delivery_status;

const delivery = z
  .object({
    id: id.describe('The header webhook-id of every attempt'),
    webhook_id: id.nullable().describe('Null for the callback_url of a run'),
    execution_id: id.nullable(),
    alert_rule_id: id.nullable(),
    event: z.string(),
    url: z.string(),
    status: z.enum(STATUSES),
    attempts: z.int(),
    next_attempt_at: time.nullable(),
    last_attempt_at: time.nullable(),
    last_status: z.int().nullable().describe('The HTTP status of the last answer'),
    last_error: z.string().nullable(),
    delivered_at: time.nullable(),
    payload: object,
    created_at: time,
  })
  .meta({ id: 'WebhookDelivery' });

const deliveries: Collection = {
  table: 'webhook_deliveries',
  shown: columnList(delivery.shape),
  stamp: 't.status, t.attempts',
  isLarge: true,
};

const ofDelivery = {
  status: anyCase(STATUSES).optional(),
  event: z.string().optional(),
  execution_id: id.optional(),
};
const anyOf = z.strictObject({ ...page, ...ofDelivery, webhook_id: id.optional() });
const deliveryPage = {
  tag: 'webhooks',
  answers: { 200: { description: 'A page of deliveries', schema: pageOf(delivery) } },
};

async function showDelivery(db: Parameters<typeof findRow>[0], deliveryId: string) {
  const found = await findRow(db, deliveries, deliveryId);
  if (!found) throw noSuch('delivery', deliveryId);
  return { body: found.row };
}

/** Routes of webhooks, their keys and their deliveries, including repeated delivery. */
export const webhookRoutes: Route[] = [
  ...resourceRoutes(webhooks),
  issueWebhookKey,
  issueCallbackKey,
  route({
    ...deliveryPage,
    method: 'GET',
    path: '/api/webhooks/{id}/deliveries',
    id: 'listDeliveriesOfWebhook',
    summary: 'List the deliveries of a webhook, newest first',
    params: byId,
    query: z.strictObject({ ...page, ...ofDelivery }),
    async work(db, { params, query, url }) {
      if (!(await findRow(db, webhooks.collection, params.id))) throw noSuch('webhook', params.id);
      return answerPage(db, deliveries, equalTo({ ...query, webhook_id: params.id }), query, url);
    },
  }),
  route({
    ...deliveryPage,
    method: 'GET',
    path: '/api/webhook-deliveries',
    id: 'listWebhookDeliveries',
    summary: 'List the deliveries of all webhooks and callbacks, newest first',
    query: anyOf,
    work: (db, { query, url }) => answerPage(db, deliveries, equalTo(query), query, url),
  }),
  route({
    method: 'GET',
    path: '/api/webhook-deliveries/{id}',
    id: 'getWebhookDelivery',
    tag: 'webhooks',
    summary: 'Get a delivery',
    params: byId,
    answers: { 200: { description: 'The delivery', schema: delivery } },
    work: (db, { params }) => showDelivery(db, params.id),
  }),
  route({
    method: 'POST',
    path: '/api/webhook-deliveries/{id}/redeliver',
    id: 'redeliver',
    tag: 'webhooks',
    summary: 'Send a delivery again, under the same id',
    params: byId,
    answers: { 200: { description: 'The delivery, pending again', schema: delivery } },
    async work(db, { params }) {
      await db.query('select (howdah.redeliver($1)).id', [params.id]);
      return showDelivery(db, params.id);
    },
  }),
];
