import { z } from 'zod';
import { jsonPage } from '../../../db/queries/json-rows.ts';
import { id, object, page, pageOf, time } from '../../http/fields.ts';
import { numberIn, pageAnswer } from '../framework/pages.ts';
import { type Route, route } from '../framework/route.ts';

const entry = z
  .object({
    seq: z.number().describe('The place in the log of the tenant, without a gap'),
    id,
    created_at: time,
    actor: z.string().describe('The user, else the API key, else the database login'),
    user_id: id.nullable(),
    api_key_id: id.nullable(),
    login: z.string(),
    client: z.string().describe('The endpoint or program, and the address of the client'),
    action: z.string(),
    object: z.string().describe('The table of the row'),
    object_id: z.string(),
    changed: z.array(z.string()).nullable().describe('The names of the columns that changed'),
    detail: object.nullable(),
    before_digest: z.string().nullable().describe('SHA-256 of the row before, in hex'),
    after_digest: z.string().nullable().describe('SHA-256 of the row afterwards, in hex'),
    hash: z.string().describe('SHA-256 of the entry and of the hash before it, in hex'),
  })
  .meta({ id: 'AuditEntry' });

/** Route that reads the audit log. Only admins and owners see entries. */
export const auditLogRoutes: Route[] = [
  route({
    method: 'GET',
    path: '/api/audit-log',
    id: 'listAuditLog',
    tag: 'audit-log',
    summary: 'List the audit log of the tenant, newest first',
    description: 'Empty for callers that may not read it: see the permission read of audit_log.',
    isReplicable: true,
    query: z.strictObject({
      ...page,
      actor: z.string().optional(),
      user_id: id.optional(),
      api_key_id: id.optional(),
      action: z.string().optional().describe('Such as insert, update, cancel, approve'),
      object: z.string().optional().describe('A table, such as agents'),
      object_id: z.string().optional().describe('The id of the row'),
      since: time.optional().describe('Only entries from this time on'),
      until: time.optional().describe('Only entries before this time'),
    }),
    answers: { 200: { description: 'A page of entries', schema: pageOf(entry) } },
    async work(db, { query, url }) {
      const { actor, user_id, api_key_id, action, object, object_id, since, until } = query;
      const filters = [actor, user_id, api_key_id, action, object, object_id, since, until];
      const rows = await jsonPage<{ seq: number }>(db, SELECT_ENTRIES, [
        numberIn(query.cursor, url) ?? null,
        query.limit + 1,
        ...filters.map((one) => one ?? null),
      ]);
      return pageAnswer(rows, query.limit, url, (row) => row.seq);
    },
  }),
];

const SELECT_ENTRIES = `
  select l.seq, l.id, l.created_at, l.actor, l.user_id, l.api_key_id, l.login, l.client, l.action,
    l.object, l.object_id, l.changed, l.detail, encode(l.before_digest, 'hex') as before_digest,
    encode(l.after_digest, 'hex') as after_digest, encode(l.hash, 'hex') as hash
  from howdah.audit_log as l
  where l.tenant_id = howdah.current_tenant()
    and ($1::bigint is null or l.seq < $1)
    and ($3::text is null or l.actor = $3)
    and ($4::uuid is null or l.user_id = $4)
    and ($5::uuid is null or l.api_key_id = $5)
    and ($6::text is null or l.action = $6)
    and ($7::text is null or l.object = $7)
    and ($8::text is null or l.object_id = $8)
    and ($9::timestamptz is null or l.created_at >= $9)
    and ($10::timestamptz is null or l.created_at < $10)
  order by l.seq desc limit $2`;
