import type { Queryable } from '../connection/pool.ts';
import { type JsonPage, jsonPage, jsonRows } from '../queries/json-rows.ts';

/** An entry of the audit log, with its digests in hex. */
export type AuditEntry = Readonly<Record<string, unknown>> & { seq: number };

/** Conditions on entries. All of them must hold. */
export type AuditFilter = Partial<
  Record<
    'actor' | 'user_id' | 'api_key_id' | 'action' | 'object' | 'object_id' | 'since' | 'until',
    string | undefined
  >
>;

/** Reads the newest entries of the tenant before a place in its log. */
export async function listAuditLog(
  client: Queryable,
  { before, limit, ...filter }: AuditFilter & { before: number | undefined; limit: number },
): Promise<JsonPage<AuditEntry>> {
  const { actor, user_id, api_key_id, action, object, object_id, since, until } = filter;
  const { rows } = await client.query<{ id: string }>('select howdah.current_tenant() as id');
  const values = [before, limit, actor, user_id, api_key_id, action, object, object_id];
  return jsonPage(
    client,
    SELECT_ENTRIES,
    [...values, since, until, rows[0]?.id].map((one) => one ?? null),
  );
}

const SELECT_ENTRIES = `
  select l.seq, l.id, l.created_at, l.actor, l.user_id, l.api_key_id, l.login, l.client, l.action,
    l.object, l.object_id, l.changed, l.detail, encode(l.before_digest, 'hex') as before_digest,
    encode(l.after_digest, 'hex') as after_digest, encode(l.hash, 'hex') as hash
  from howdah.audit_log as l
  where l.tenant_id = $11
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

/** The result of a check of a part of the log. */
export type AuditCheck = {
  checked: number;
  through: number;
  last_seq: number;
  fault: 'changed' | 'missing' | 'truncated' | 'forged' | null;
  fault_seq: number | null;
  checkpoint_seq: number | null;
  checkpoint_at: string | null;
};

/** Checks the chain of the rows of the tenant after a place in its log. */
export async function checkAuditLog(
  client: Queryable,
  after: number,
  most: number,
): Promise<AuditCheck> {
  const rows = await jsonRows<AuditCheck>(client, 'select * from howdah.check_audit_log($1, $2)', [
    after,
    most,
  ]);
  return rows[0] as AuditCheck;
}
