import { HowdahError } from '../../contracts/errors.ts';
import type { Client } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';

/** A pattern for the roles that own our objects. */
export const OUR_ROLES =
  '^howdah_(owner|engine|worker|app|analyst|authenticator|eraser|tool|reader|writer|viewer|inserter)$';

/**
 * Throws `HWCNF` if there are tables, views, functions or types in our schemas that are not ours.
 * The error names these objects, because they would be dropped with the schemas. Every object of
 * ours belongs to one of our roles.
 */
export async function refuseForeignObjects(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(FOREIGN_OBJECTS);
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => name);
  const shown = names.slice(0, 10).join(', ');
  const more = names.length > 10 ? ` and ${names.length - 10} more` : '';
  throw new HowdahError(
    'HWCNF',
    `Howdah's schemas contain objects that are not part of Howdah: ${shown}${more}`,
    {
      hint: 'Move each to another schema (alter table … set schema public) or drop it, then run the migration down again.',
      detail: { objects: names },
    },
  );
}

/**
 * Throws `HWCNF` if views of others select from views of ours that would have to be dropped. The
 * error names the views.
 */
export async function refuseViewsOnOurs(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string; on: string }>(VIEWS_ON_OURS);
  if (rows.length === 0) return;
  const shown = rows.slice(0, 10).map(({ name, on }) => `${name} (from ${on})`);
  const more = rows.length > 10 ? ` and ${rows.length - 10} more` : '';
  throw new HowdahError(
    'HWCNF',
    `views that are not part of Howdah depend on its views, which change: ${shown.join(', ')}${more}`,
    {
      hint: 'Save their text (pg_get_viewdef), drop them, migrate, and create them again.',
      detail: { views: rows.map(({ name }) => name) },
    },
  );
}

/**
 * Rethrows an error. Names the objects of others that depend on what would have to be dropped, as
 * Postgres lists them: views on our tables, columns of our types, foreign keys.
 */
export function explainDependents(error: unknown): never {
  const { code, detail = '' } = faultOf(error);
  if (code !== '2BP01') throw error;
  const lines = detail.split('\n');
  throw new HowdahError(
    'HWCNF',
    `objects that are not part of Howdah depend on it: ${lines.join(', ')}`,
    {
      hint: 'Save the text of each view (pg_get_viewdef), drop the views, columns or keys that are named, then run the migration down again.',
      detail: { dependents: lines },
      cause: error,
    },
  );
}

const VIEWS_ON_OURS = `
  select distinct o.oid::regclass::text as name, c.oid::regclass::text as on
  from pg_catalog.pg_class as c
  join pg_catalog.pg_depend as d on d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjid = c.oid
    and d.classid = 'pg_catalog.pg_rewrite'::regclass
  join pg_catalog.pg_rewrite as r on r.oid = d.objid
  join pg_catalog.pg_class as o on o.oid = r.ev_class
  where c.relkind = 'v' and c.relnamespace = 'howdah'::regnamespace
    and pg_get_userbyid(c.relowner) ~ '${OUR_ROLES}' and pg_get_userbyid(o.relowner) !~ '${OUR_ROLES}'
  order by 1, 2`;

const FOREIGN_OBJECTS = `
  with ours as (
    select n.oid from pg_catalog.pg_namespace as n where n.nspname in ('howdah', 'howdah_private', 'howdah_bounded', 'graphile_worker')
  ),
  found as (
    select format('%s.%I', c.relnamespace::regnamespace, c.relname) as name, c.relowner as owner
    from pg_catalog.pg_class as c join ours as o on o.oid = c.relnamespace
    where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and not exists (
      select from pg_catalog.pg_depend as d where d.objid = c.oid and d.deptype in ('a', 'i') and c.relkind = 'S'
    )
    union all
    select format('%s.%I(%s)', p.pronamespace::regnamespace, p.proname, pg_get_function_identity_arguments(p.oid)), p.proowner
    from pg_catalog.pg_proc as p join ours as o on o.oid = p.pronamespace
    union all
    select format('%s.%I', t.typnamespace::regnamespace, t.typname), t.typowner
    from pg_catalog.pg_type as t join ours as o on o.oid = t.typnamespace
    where t.typtype in ('e', 'd', 'r')
  )
  select f.name from found as f join pg_catalog.pg_roles as r on r.oid = f.owner
  where r.rolname !~ '${OUR_ROLES}'
  order by f.name`;
