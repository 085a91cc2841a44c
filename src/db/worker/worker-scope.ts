import { HowdahError } from '../../contracts/errors.ts';
import type { Pool } from '../connection/pool.ts';

/**
 * The runs that a worker accepts: those of these tenants, or those of these agents and workflows of
 * the tenants with all runs below them.
 */
export type WorkerScope = { tenants: string[]; members: string[] | null };

/** A term of a scope: a name (for a tenant its slug) or an id. */
export type ScopeTerm = { kind: 'tenant' | 'agent' | 'workflow'; name: string };

type Member = { id: string; tenant_id: string };

const MAX_NAMES = 10;

/**
 * Returns the ids of the named tenants, agents and workflows. Names of agents and workflows are
 * resolved in the tenants of the terms, or else in the tenant of the login. Ids are resolved in any
 * tenant. Throws `HWNTF` with the existing names. Returns undefined without terms.
 */
export async function resolveScope(
  pool: Pool,
  terms: readonly ScopeTerm[],
): Promise<WorkerScope | undefined> {
  if (terms.length === 0) {
    return undefined;
  }
  const named: string[] = [];
  for (const { kind, name } of terms) {
    if (kind === 'tenant') named.push(await tenantNamed(pool, name));
  }
  const members: Member[] = [];
  for (const { kind, name } of terms) {
    if (kind !== 'tenant') members.push(...(await membersNamed(pool, { kind, name }, named)));
  }
  return members.length === 0
    ? { tenants: [...new Set(named)], members: null }
    : {
        tenants: [...new Set(members.map(({ tenant_id }) => tenant_id))],
        members: [...new Set(members.map(({ id }) => id))],
      };
}

async function tenantNamed(pool: Pool, name: string): Promise<string> {
  const { rows } = await pool.query(
    'select n.id from howdah.tenants as n where $1 in (n.slug, n.id::text)',
    [name],
  );
  return (
    rows[0]?.id ??
    (await refuse(pool, { kind: 'tenant', name }, 'select slug as name from howdah.tenants', []))
  );
}

const TABLES = { agent: 'howdah.agents', workflow: 'howdah.workflows' } as const;

async function membersNamed(
  pool: Pool,
  term: { kind: keyof typeof TABLES; name: string },
  tenants: readonly string[],
): Promise<Member[]> {
  const there = `from ${TABLES[term.kind]} as m where m.deleted_at is null`;
  const tenantIds = tenants.length === 0 ? null : tenants;
  const inTenants = 'm.tenant_id = any (coalesce($1::uuid[], array[howdah.current_tenant()]))';
  const { rows } = await pool.query<Member>(
    `select m.id, m.tenant_id ${there} and (
       (m.name = $2 and ${inTenants}) or (m.id::text = $2 and m.tenant_id = any (coalesce($1::uuid[], array[m.tenant_id]))))`,
    [tenantIds, term.name],
  );
  return rows.length > 0
    ? rows
    : refuse(pool, term, `select distinct m.name ${there} and ${inTenants}`, [tenantIds]);
}

async function refuse(
  pool: Pool,
  { kind, name }: ScopeTerm,
  others: string,
  values: unknown[],
): Promise<never> {
  const { rows } = await pool.query<{ name: string }>(
    `select o.name from (${others}) as o order by o.name limit ${MAX_NAMES + 1}`,
    values,
  );
  const names = rows.slice(0, MAX_NAMES).map((row) => row.name);
  const list = `${names.join(', ')}${rows.length > MAX_NAMES ? ' and more' : ''}`;
  const elsewhere =
    kind === 'tenant' ? '' : ' For another tenant, add --only tenant=SLUG or use the id.';
  throw new HowdahError('HWNTF', `--only: there is no ${kind} named '${name}'`, {
    hint: `${names.length > 0 ? `There are: ${list}.` : `No ${kind} exists.`}${elsewhere}`,
    detail: { [kind]: name },
  });
}
