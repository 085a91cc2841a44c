import { z } from 'zod';
import { withOffload } from '../../../concurrency/offload.ts';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import type { Json } from '../../../json/json.ts';
import {
  type HookExpressions,
  mapDelivery,
  refuseUnreadableHook,
} from '../../../runtime/inbound/map-delivery.ts';
import { noSuch } from '../../errors/request-refusal.ts';
import { columnList } from '../../http/column-list.ts';
import {
  anyCase,
  byId,
  flag,
  id,
  object,
  optionalInt,
  optionalText,
  page,
  pageOf,
  time,
} from '../../http/fields.ts';
import { createResource } from '../definitions/definitions.ts';
import { subjectByName, withSubjectIds } from '../definitions/subject-names.ts';
import { crudRoutes } from '../framework/crud-resource.ts';
import { answerPage, equalTo } from '../framework/pagination.ts';
import { type Route, route } from '../framework/route.ts';

const verification = z.enum(enumLabels.hook_verification);
const expressions = z.record(z.string(), z.string());

const inboundHooks = createResource({
  path: '/api/inbound-hooks',
  one: 'inbound hook',
  table: 'inbound_hooks',
  name: 'InboundHook',
  columns: {
    name: z.string().describe('The last part of the path: lower-case letters, digits, _ and -'),
    description: z.string().optional(),
    verification,
    secret_name: z.string().describe('The secret that verifies requests; see docs/secrets.md'),
    previous_secret_name: optionalText.describe('A second secret that is accepted while it is set'),
    secret_header: optionalText.describe('The header with a shared secret'),
    agent_id: id.nullable().optional(),
    workflow_id: id.nullable().optional(),
    condition: optionalText.describe('A CEL expression over body and headers'),
    mapping: expressions.optional().describe('CEL expressions by name; see docs/inbound-hooks.md'),
    session_key: optionalText.describe('A CEL expression; one value is one session'),
    debounce_key: optionalText.describe('A CEL expression'),
    debounce_ms: optionalInt,
    reply: expressions.nullable().optional().describe('{url, secret_name, body, field}'),
    is_active: z.boolean().optional(),
  },
  more: subjectByName,
  readOnly: { user_id: id.nullable(), created_at: time, updated_at: time },
  computed: { path: { sql: 'howdah.inbound_hooks_path(t)', schema: z.string() } },
  filters: {
    name: z.string().optional(),
    verification: verification.optional(),
    agent_id: id.optional(),
    workflow_id: id.optional(),
    is_active: flag.optional(),
  },
  async valuesOf(body, db) {
    const { reply, ...hook } = body as Partial<Omit<HookExpressions, 'reply'>> & {
      reply?: { body?: string } | null;
    };
    const expressions = { ...hook, reply: reply?.body ?? null };
    const { rows } = await db.query<{ id: string }>('select howdah.current_tenant() as id');
    await withOffload(rows[0]?.id ?? '', undefined, () => refuseUnreadableHook(expressions));
    return withSubjectIds(body, db);
  },
});

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
  ...crudRoutes(inboundHooks),
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
