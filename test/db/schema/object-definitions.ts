/**
 * A query for the definitions of all current objects. Its result does not depend on the way of
 * migrating.
 */
export const OBJECT_DEFINITIONS = `
  select 'function' as kind, p.oid::regprocedure::text || ' ' || p.proowner::regrole as name,
    md5(pg_get_functiondef(p.oid)) as is from pg_proc as p
    where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace) and p.prokind <> 'a'
  union all
  select 'trigger', t.tgrelid::regclass || ' ' || t.tgname, md5(pg_get_triggerdef(t.oid)) from pg_trigger as t
    join pg_class as c on c.oid = t.tgrelid
    where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace) and not t.tgisinternal
  union all
  select 'policy', schemaname || '.' || tablename || ' ' || policyname, md5(concat(roles, qual, with_check))
    from pg_policies where schemaname in ('howdah', 'howdah_private')
  union all
  select 'relation', c.oid::regclass || ' ' || c.relowner::regrole,
    md5((select string_agg(a::text, ',' order by a::text) from unnest(c.relacl) as a)) from pg_class as c
    where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
      and c.relkind in ('r', 'p', 'v')
  order by 1, 2`;
