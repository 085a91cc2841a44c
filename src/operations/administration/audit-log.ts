import { z } from 'zod';
import {
  checkAuditLog as checkChain,
  listAuditLog as listEntries,
} from '../../db/access/audit-log.ts';
import { id, object, page, pageOf, time } from '../../resources/fields.ts';
import { operation } from '../operation.ts';
import { numberIn, pageAnswer } from '../pagination.ts';

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

/** Lists the audit log. Only admins and owners see entries. */
export const listAuditLog = operation({
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
  async work(db, { query: { cursor, limit, ...filter }, url }) {
    const before = numberIn(cursor, url);
    const entries = await listEntries(db, { ...filter, before, limit: limit + 1 });
    return pageAnswer(entries, limit, url, ({ seq }) => seq);
  },
});

const chain = z
  .object({
    checked: z.number().describe('Rows that were checked'),
    through: z.number().describe('The last of them. Continue after it until it is last_seq'),
    last_seq: z.number().describe('The last row of the log, as the engine knows it'),
    fault: z
      .enum(['changed', 'missing', 'truncated', 'forged'])
      .nullable()
      .describe('What is wrong; null if nothing is'),
    fault_seq: z.number().nullable().describe('The first row that is wrong'),
    checkpoint_seq: z.number().nullable().describe('The last row with a signed checkpoint'),
    checkpoint_at: time.nullable(),
  })
  .meta({ id: 'AuditCheck' });

/** Checks a part of the chain of the audit log. */
export const checkAuditLog = operation({
  method: 'GET',
  path: '/api/audit-log/check',
  id: 'checkAuditLog',
  tag: 'audit-log',
  summary: 'Check the chain of the audit log of the tenant, a part at a time',
  description:
    'For admins and owners. The command howdah doctor --audit also compares checkpoints outside of the database.',
  query: z.strictObject({
    after: z.coerce.number().int().min(0).default(0).describe('The row before the first one'),
    limit: z.coerce.number().int().min(1).max(100_000).default(10_000).describe('Most rows'),
  }),
  answers: { 200: { description: 'The result', schema: chain } },
  work: async (db, { query: { after, limit } }) => ({ body: await checkChain(db, after, limit) }),
});
