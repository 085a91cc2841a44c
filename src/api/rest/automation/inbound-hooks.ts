import { z } from 'zod';
import { withOffload } from '../../../concurrency/offload.ts';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import type { Json } from '../../../json/json.ts';
import { jsonRecord } from '../../../json/json-record.ts';
import { answerPage } from '../../../operations/pagination.ts';
import { inboundHooks } from '../../../resources/automation/inbound-hooks.ts';
import { columnList } from '../../../resources/column-list.ts';
import { equalTo } from '../../../resources/equal-to.ts';
import { anyCase, byId, id, object, page, pageOf, time } from '../../../resources/fields.ts';
import { noSuch } from '../../../resources/request-refusal.ts';
import { type HookExpressions, mapDelivery } from '../../../runtime/inbound/map-delivery.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import { type Route, route } from '../framework/route.ts';

const expressions = jsonRecord(z.string());

const STATUSES = enumLabels.inbound_status;

const delivery = z
  .object({
    id,
    inbound_hook_id: id,
    status: z.enum(STATUSES),
    requests: z.int().describe('The delivery and its repeats, or refused requests of one hour'),
    bytes: z.int().nullable().describe('The size of the body'),
    execution_id: id.nullable(),
    delivery_id: z.string().nullable().describe('The id that the sender gave the delivery'),
    reply: object.nullable(),
    error: object.nullable().describe('Why the delivery has no run'),
    received_at: time,
    last_received_at: time,
  })
  .meta({ id: 'InboundDelivery' });

const deliveries: Collection = {
  table: 'inbound_deliveries',
  shown: columnList(delivery.shape),
  stamp: 't.status, t.requests',
  isLarge: true,
};
const filters = {
  status: anyCase(STATUSES).optional(),
  execution_id: id.optional(),
  inbound_hook_id: id.optional(),
};
const anyOf = z.strictObject({ ...page, ...filters });

const testResult = z
  .object({
    result: z.enum(['accepted', 'ignored', 'failed']),
    reason: z.string().optional().describe('Why the delivery would need no run'),
    field: z.string().optional().describe('The expression that failed'),
    message: z.string().optional().describe('Why it failed'),
    values: object.optional().describe('The values of the run'),
  })
  .meta({ id: 'InboundHookTest' });

/** Routes of inbound hooks and their deliveries, and the test of a mapping. */
export const inboundHookRoutes: Route[] = [
  ...resourceRoutes(inboundHooks),
  route({
    method: 'POST',
    path: '/api/inbound-hooks/{id}/test',
    id: 'testInboundHook',
    tag: 'inbound-hooks',
    summary: 'Show what the expressions of a hook produce for a body; nothing is stored or begun',
    params: byId,
    body: z.strictObject({
      body: z.unknown().describe('The body of a request, as JSON'),
      headers: expressions.optional().describe('Headers of the request'),
    }),
    permission: { object: 'inbound_hooks', action: 'manage' },
    answers: { 200: { description: 'The values of the run', schema: testResult } },
    async work(db, { params, body, identity }) {
      const found = await findRow(db, inboundHooks.collection, params.id);
      if (!found) throw noSuch('inbound hook', params.id);
      const { reply, ...hook } = found.row as unknown as Omit<HookExpressions, 'reply'> & {
        reply: { body: string } | null;
      };
      const headers = Object.fromEntries(
        Object.entries(body.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
      );
      const contents = { body: (body.body ?? null) as Json, headers };
      const answer = await withOffload(identity.tenantId, undefined, () =>
        mapDelivery({ ...hook, reply: reply?.body ?? null }, contents),
      );
      return { body: answer };
    },
  }),
  route({
    method: 'GET',
    path: '/api/inbound-deliveries',
    id: 'listInboundDeliveries',
    tag: 'inbound-hooks',
    summary: 'List the deliveries of inbound hooks, newest first',
    query: anyOf,
    answers: { 200: { description: 'A page of deliveries', schema: pageOf(delivery) } },
    work: (db, { query, url }) => answerPage(db, deliveries, equalTo(query), query, url),
  }),
  route({
    method: 'GET',
    path: '/api/inbound-deliveries/{id}',
    id: 'getInboundDelivery',
    tag: 'inbound-hooks',
    summary: 'Get a delivery of an inbound hook',
    params: byId,
    answers: { 200: { description: 'The delivery', schema: delivery } },
    async work(db, { params }) {
      const found = await findRow(db, deliveries, params.id);
      if (!found) throw noSuch('delivery', params.id);
      return { body: found.row };
    },
  }),
];
