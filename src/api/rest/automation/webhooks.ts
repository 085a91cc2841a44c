import { z } from 'zod';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { signingKeyRowsOn } from '../../../db/access/signing-keys.ts';
import type { Queryable } from '../../../db/connection/pool.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import { issueSigningKey } from '../../../secrets/signing-keys.ts';
import { noSuch } from '../../errors/request-refusal.ts';
import { columnList } from '../../http/column-list.ts';
import {
  anyCase,
  byId,
  flag,
  id,
  object,
  optionalText,
  page,
  pageOf,
  time,
} from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';
import { subjectByName, withSubjectIds } from '../definitions/subject-names.ts';
import { crudRoutes } from '../framework/crud-resource.ts';
import { answerPage, equalTo } from '../framework/pagination.ts';
import { type Route, type RouteContext, type RouteInput, route } from '../framework/route.ts';

const signingKey = z
  .string()
  .describe('The key that verifies deliveries: whsec_ and Base64. It is shown once');

const webhooks = createResource({
  path: '/api/webhooks',
  one: 'webhook',
  table: 'webhooks',
  name: 'Webhook',
  columns: {
    url: z.string().describe('The address that deliveries are sent to by POST'),
    events: z.array(z.string()).optional().describe('The events to send; see docs/webhooks.md'),
    description: z.string().optional(),
    agent_id: id.nullable().optional().describe('Only runs of this agent'),
    workflow_id: id.nullable().optional().describe('Only runs of this workflow'),
    secret_name: optionalText.describe(
      'The secret that signs deliveries; without one, a key is generated. See docs/webhooks.md',
    ),
    previous_secret_name: optionalText.describe(
      'The previous secret, which also signs while it is set',
    ),
    is_active: z.boolean().optional(),
  },
  more: subjectByName,
  valuesOf: withSubjectIds,
  readOnly: { disabled_because: z.string().nullable(), created_at: time, updated_at: time },
  filters: {
    url: z.string().optional(),
    agent_id: id.optional(),
    workflow_id: id.optional(),
    is_active: flag.optional(),
  },
  shownOnce: {
    fields: { signing_key: signingKey.nullable() },
    async create(db, webhookId, { secret_name }, { context: { secrets }, tenantId }) {
      if (secret_name != null) return { signing_key: null };
      const rows = signingKeyRowsOn(db, tenantId, { webhookId, rotates: false });
      const { signing_key } = await issueSigningKey(secrets, tenantId, rows);
      return { signing_key };
    },
  },
});

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
  ...crudRoutes(webhooks),
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
