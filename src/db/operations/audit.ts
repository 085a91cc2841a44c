import type { Pool, PoolClient } from '../connection/pool.ts';
import { databaseIdentity } from './audit-checkpoints.ts';
import { type Checkpoint, type SortedCheckpoints, sortCheckpoints } from './signed-checkpoints.ts';

/** A fault of an audit log. */
export type AuditFault = 'changed' | 'missing' | 'reordered' | 'forged' | 'truncated';

/** The result of checking the audit log of one tenant. */
export type AuditedChain = {
  tenant_id: string;
  /** Null for a tenant that no longer exists, and for rows that belong to no tenant. */
  slug: string | null;
  rows: number;
  /** The last row that has a checkpoint in the database, or null without checkpoints. */
  checkpoint: number | null;
  /** The first invalid row, with the fault and its description. */
  broken?: { seq: number; fault: AuditFault; found: string };
};

/** The audit logs of a database, compared with checkpoints from outside. */
export type AuditedLogs = {
  chains: AuditedChain[];
  anchored: SortedCheckpoints;
  /**
   * The first checkpoint of each tenant that another database wrote and that contradicts the log of
   * this database.
   */
  unlike: Pick<Contradiction, 'tenant_id' | 'seq'>[];
};

/** Runs the checks of `auditLogs` without checkpoints from outside. */
export async function verifyAudit(pool: Pool): Promise<AuditedChain[]> {
  return (await auditLogs(pool, [])).chains;
}

/**
 * Checks every row of every tenant's audit log. A row must be unchanged and follow the previous
 * row. The end of the log must exist. Checkpoints, both those of the database and `anchored` from
 * outside, must match the rows they name. Uses only SHA-256 of the database, because a function of
 * its schema could have been replaced.
 */
export async function auditLogs(pool: Pool, anchored: Checkpoint[]): Promise<AuditedLogs> {
  const database = await databaseIdentity(pool);
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const { rows } = await client.query<ScannedChain>(SCAN);
    const tenants = new Set(rows.map(({ tenant_id }) => tenant_id));
    const sorted = sortCheckpoints(anchored, database, tenants);
    const contradictions = await readContradictions(client, sorted.ours);
    const unlike =
      sorted.kin.length === 0 ? [] : (await readContradictions(client, sorted.kin)).values();
    return {
      chains: rows.map((chain) => judgeChain(chain, contradictions.get(chain.tenant_id))),
      anchored: sorted,
      unlike: [...unlike].filter(({ place }) => place === FILE),
    };
  } finally {
    await client.query('rollback').catch(() => {});
    client.release();
  }
}

type ScannedChain = {
  tenant_id: string;
  slug: string | null;
  rows: number;
  checkpoint: number | null;
  last_seq: number | null;
  head_seq: number | null;
  is_head: boolean | null;
  broken_at: number | null;
  seq_before: number;
  is_own: boolean;
  is_moved: boolean;
};

/** The hashed content of a row, as in howdah_private.audit_hash. */
const CONTENT = `jsonb_build_array(
  l.tenant_id, l.seq, l.id, extract(epoch from l.created_at), l.actor, l.user_id, l.login, l.api_key_id, l.client,
  l.action, l.object, l.object_id, encode(l.before_digest, 'hex'), encode(l.after_digest, 'hex'), l.changed, l.detail)`;

/**
 * The rows that retention erased from the beginning of a log. Retention leaves a row with the last
 * erased sequence number and the hash of that row.
 */
const ERASED = `erased as (
    select distinct on (l.tenant_id) l.tenant_id, (l.detail ->> 'through')::bigint as seq,
      decode(l.detail ->> 'hash', 'hex') as hash
    from howdah.audit_log as l where l.action = 'erase' and l.object = 'audit_log'
    order by l.tenant_id, l.seq desc
  )`;

/** Statement that checks each row by itself, and then each row against the previous one. */
const SCAN = `
  with ${ERASED},
  rows as (
    select l.tenant_id, l.seq, l.prev_hash, l.hash,
      l.hash = sha256(l.prev_hash || convert_to(${CONTENT}::text, 'UTF8')) as is_own
    from howdah.audit_log as l
  ),
  links as materialized (
    select r.tenant_id, r.seq, r.is_own, lag(r.seq, 1, 0::bigint) over chain as seq_before,
      r.prev_hash = coalesce(lag(r.hash) over chain,
        sha256(convert_to('howdah audit log of ' || r.tenant_id, 'UTF8'))) as is_linked
    from rows as r window chain as (partition by r.tenant_id order by r.seq)
  ),
  totals as (
    select k.tenant_id, count(*) as rows, max(k.seq) as last_seq from links as k group by k.tenant_id
  ),
  faults as (
    select distinct on (k.tenant_id) k.*, l.prev_hash from links as k
    join howdah.audit_log as l using (tenant_id, seq)
    left join erased as r on r.tenant_id = k.tenant_id
    where not (k.is_own and k.is_linked and k.seq = k.seq_before + 1)
      and not (k.is_own and k.seq_before = 0 and coalesce((k.seq, l.prev_hash) = (r.seq + 1, r.hash), false))
    order by k.tenant_id, k.seq
  ),
  known as (
    select t.id as tenant_id from howdah.tenants as t
    union select h.tenant_id from howdah_private.audit_heads as h
    union select c.tenant_id from howdah_private.audit_checkpoints as c
    union select x.tenant_id from totals as x
  )
  select w.tenant_id, t.slug, coalesce(x.rows, 0)::float8 as rows, x.last_seq::float8 as last_seq,
    h.seq::float8 as head_seq, h.hash = e.hash as is_head, f.seq::float8 as broken_at,
    f.seq_before::float8 as seq_before, f.is_own, not f.is_linked and exists (
      select from howdah.audit_log as o where o.tenant_id = f.tenant_id and o.hash = f.prev_hash
    ) as is_moved,
    (select max(c.seq)::float8 from howdah_private.audit_checkpoints as c where c.tenant_id = w.tenant_id) as checkpoint
  from known as w
  left join howdah.tenants as t on t.id = w.tenant_id
  left join totals as x on x.tenant_id = w.tenant_id
  left join howdah_private.audit_heads as h on h.tenant_id = w.tenant_id
  left join howdah.audit_log as e on e.tenant_id = w.tenant_id and e.seq = x.last_seq
  left join faults as f on f.tenant_id = w.tenant_id
  order by t.slug nulls last, w.tenant_id`;

const FILE = 'the file';
type Contradiction = { tenant_id: string; seq: number; is_missing: boolean; place: string };

/** Returns the first checkpoint of each tenant that contradicts the log. */
async function readContradictions(
  client: PoolClient,
  anchored: Checkpoint[],
): Promise<Map<string, Contradiction>> {
  const { rows } = await client.query<Contradiction>(
    `with ${ERASED}
     select distinct on (c.tenant_id) c.tenant_id, c.seq::float8 as seq, l.hash is null as is_missing, c.place
     from (
       select k.tenant_id, k.seq, k.hash, 'the database' as place from howdah_private.audit_checkpoints as k
       union all
       select a.tenant_id, a.seq, decode(a.hash, 'hex'), '${FILE}'
       from jsonb_to_recordset($1) as a (tenant_id uuid, seq bigint, hash text)
     ) as c
     left join howdah.audit_log as l on l.tenant_id = c.tenant_id and l.seq = c.seq
     left join erased as r on r.tenant_id = c.tenant_id
     where l.hash is distinct from c.hash and coalesce(c.seq > r.seq or l.hash is not null, true)
     order by c.tenant_id, c.seq`,
    [JSON.stringify(anchored)],
  );
  return new Map(rows.map((row) => [row.tenant_id, row]));
}

function judgeChain(chain: ScannedChain, contradiction: Contradiction | undefined): AuditedChain {
  const { tenant_id, slug, rows, checkpoint } = chain;
  const found = [inside(chain), atTheEnd(chain), contradiction && unlike(contradiction, chain)]
    .filter((one) => one !== undefined)
    .sort((a, b) => a.seq - b.seq);
  const [broken] = found;
  return { tenant_id, slug, rows, checkpoint, ...(broken && { broken }) };
}

type Broken = NonNullable<AuditedChain['broken']>;

function inside(chain: ScannedChain): Broken | undefined {
  const { broken_at: seq, seq_before, is_own, is_moved } = chain;
  if (seq === null) {
    return undefined;
  }
  if (seq !== seq_before + 1) {
    const found = `${rowsFrom(seq_before + 1, seq - 1)} missing`;
    return { seq: seq_before + 1, fault: 'missing', found };
  }
  if (is_moved) {
    const found = `row ${seq} is at the position of another row: rows were moved or inserted`;
    return { seq, fault: 'reordered', found };
  }
  return is_own
    ? {
        seq,
        fault: 'forged',
        found: `row ${seq} does not follow the previous row, which was rewritten`,
      }
    : { seq, fault: 'changed', found: `row ${seq} was changed after it was written` };
}

/**
 * Checks the end of a log against its head. Every append updates the head, so the head names the
 * last row.
 */
function atTheEnd({ last_seq, head_seq, is_head }: ScannedChain): Broken | undefined {
  const last = last_seq ?? 0;
  if (head_seq === null) {
    const found = `the end of the log is unknown, and ${last === 0 ? 'all rows are' : 'its head is'} missing`;
    return { seq: last + 1, fault: 'truncated', found };
  }
  if (head_seq > last) {
    const found = `${rowsFrom(last + 1, head_seq)} missing at the end`;
    return { seq: last + 1, fault: 'truncated', found };
  }
  if (head_seq < last) {
    const found = `${rowsFrom(head_seq + 1, last)} inserted at the end`;
    return { seq: head_seq + 1, fault: 'forged', found };
  }
  const found = `row ${last} is not the row that was appended last: it was rewritten`;
  return is_head ? undefined : { seq: last, fault: 'forged', found };
}

function unlike({ seq, is_missing, place }: Contradiction, { last_seq }: ScannedChain): Broken {
  const last = last_seq ?? 0;
  if (is_missing && seq > last) {
    const found = `${rowsFrom(last + 1, seq)} missing at the end, according to a checkpoint in ${place}`;
    return { seq: last + 1, fault: 'truncated', found };
  }
  const found = `row ${seq} differs from a checkpoint in ${place}: the log was rewritten`;
  return { seq, fault: 'forged', found };
}

function rowsFrom(first: number, last: number): string {
  return first === last ? `row ${first} is` : `rows ${first} to ${last} are`;
}
