import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { signingKeyRowsOn } from '../../../db/access/signing-keys.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import { answerPage } from '../../../operations/pagination.ts';
import { webhooks } from '../../../resources/automation/webhooks.ts';
import { columnList } from '../../../resources/column-list.ts';
import { equalTo } from '../../../resources/equal-to.ts';
import { anyCase, byId, id, object, page, pageOf, time } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { issueSigningKey } from '../../../secrets/signing-keys.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import { type Route, type RouteContext, type RouteInput, route } from '../framework/route.ts';

const signingKey = z
  .string()
  .describe('The key that verifies deliveries: whsec_ and Base64. It is shown once');

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

const issuedKey = z
  .object({
    signing_key: signingKey,
    secret_name: z.string().describe('The secret that holds the key'),
    previous_secret_name: z.string().nullable().describe('The previous key, which also signs'),
  })
  .meta({ id: 'SigningKey' });

const issuing = {
  method: 'POST',
  tag: 'webhooks',
  isBodyOptional: true,
  body: z.strictObject({
    rotate: z
      .boolean()
      .optional()
      .describe(
        'True replaces a key that was shown before; the previous key also signs until it is removed',
      ),
  }),
  answers: { 200: { description: 'The key, for the only time', schema: issuedKey } },
} as const;

async function issueKey(
  db: Queryable,
  webhookId: string | null,
  {
    body,
    identity: { tenantId },
  }: Pick<RouteInput<never, never, { rotate?: boolean | undefined }>, 'body' | 'identity'>,
  { secrets }: RouteContext,
) {
  const rows = signingKeyRowsOn(db, tenantId, { webhookId, rotates: body.rotate === true });
  return { body: await issueSigningKey(secrets, tenantId, rows) };
}

/** Routes of webhooks, their keys and their deliveries, including repeated delivery. */
export const webhookRoutes: Route[] = [
  ...resourceRoutes(webhooks),
  route({
    ...issuing,
    path: '/api/webhooks/{id}/signing-key',
    id: 'issueSigningKey',
    summary: 'Show the signing key of a webhook, once, or rotate it',
    params: byId,
    work: (db, input, context) => issueKey(db, input.params.id, input, context),
  }),
  route({
    ...issuing,
    path: '/api/callbacks/signing-key',
    id: 'issueCallbackSigningKey',
    summary: 'Show the signing key of all callback URLs, once, or rotate it',
    work: (db, input, context) => issueKey(db, null, input, context),
  }),
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
