import pg from 'pg';

/**
 * Returns the schema as text: every table, type, function, view, policy, trigger and grant of
 * howdah and howdah_private, in a stable order. The text is read from the catalogue, because the
 * embedded Postgres has no pg_dump, whose output also differs between versions.
 */
export async function dumpSchema(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(`set search_path = ''`);
    const parts: string[] = [
      '-- Generated from a freshly migrated database by `npm run generate`; never edited.\n',
    ];
    for (const [title, text] of SECTIONS) {
      const { rows } = await client.query<{ sql: string }>(text);
      parts.push(`\n-- ${title}\n`, ...rows.map((row) => `\n${row.sql}\n`));
    }
    return parts.join('');
  } finally {
    await client.end();
  }
}

const OURS = `('howdah'::regnamespace, 'howdah_private'::regnamespace)`;
/**
 * A query for all tables, except that of node-pg-migrate, and except partitions, which depend on
 * the current month.
 */
const TABLES = `select c.* from pg_catalog.pg_class as c
  where c.relnamespace in ${OURS} and c.relkind in ('r', 'p') and not c.relispartition
    and c.oid <> 'howdah_private.migrations'::regclass`;

const SECTIONS: [string, string][] = [
  [
    'types',
    `select format(E'create type %s as enum (%s);', t.oid::regtype,
       (select string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder)
        from pg_catalog.pg_enum as e where e.enumtypid = t.oid)) as sql
     from pg_catalog.pg_type as t where t.typnamespace in ${OURS} and t.typtype = 'e'
     union all
     select format('create domain %s as %s %s;', t.oid::regtype, format_type(t.typbasetype, t.typtypmod),
       (select string_agg(format('constraint %I %s', k.conname, pg_get_constraintdef(k.oid)), ' ' order by k.conname)
        from pg_catalog.pg_constraint as k where k.contypid = t.oid))
     from pg_catalog.pg_type as t where t.typnamespace in ${OURS} and t.typtype = 'd'
     order by sql`,
  ],
  [
    'tables',
    `select format(E'create %stable %s (\\n%s\\n)%s;%s%s',
       case when c.relpersistence = 'u' then 'unlogged ' else '' end, c.oid::regclass, array_to_string(
         array(
           select format('  %I %s%s%s', a.attname, format_type(a.atttypid, a.atttypmod),
             coalesce(case when a.attidentity <> '' then ' generated always as identity'
               when a.attgenerated <> '' then
                 ' generated always as (' || pg_get_expr(d.adbin, d.adrelid) || ') stored'
               else ' default ' || pg_get_expr(d.adbin, d.adrelid) end, ''),
             case when a.attnotnull then ' not null' else '' end)
           from pg_catalog.pg_attribute as a
           left join pg_catalog.pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attnum
         ) || array(
           select format('  constraint %I %s', k.conname, pg_get_constraintdef(k.oid))
           from pg_catalog.pg_constraint as k
           where k.conrelid = c.oid and k.contype <> 'n' order by k.contype desc, k.conname
         ), E',\\n'),
       coalesce(' partition by ' || pg_get_partkeydef(c.oid), ''),
       case when c.relrowsecurity and c.relforcerowsecurity
         then format(E'\\nalter table %s enable row level security, force row level security;', c.oid::regclass)
         else '' end,
       coalesce((
         select string_agg(format(E'\\n%s;', pg_get_indexdef(i.indexrelid)), '' order by i.indexrelid::regclass::text)
         from pg_catalog.pg_index as i
         where i.indrelid = c.oid
           and not exists (select from pg_catalog.pg_constraint as k where k.conindid = i.indexrelid)
       ), '')) as sql
     from (${TABLES}) as c order by c.oid::regclass::text`,
  ],
  [
    'functions',
    `select pg_get_functiondef(p.oid) || ';' as sql
     from pg_catalog.pg_proc as p where p.pronamespace in ${OURS} order by p.oid::regprocedure::text`,
  ],
  [
    'views',
    `select format(E'create view %s with (%s) as\\n%s', c.oid::regclass, array_to_string(c.reloptions, ', '),
       pg_get_viewdef(c.oid)) as sql
     from pg_catalog.pg_class as c where c.relnamespace in ${OURS} and c.relkind = 'v'
     order by c.oid::regclass::text`,
  ],
  [
    'triggers',
    `select pg_get_triggerdef(t.oid) || ';' as sql
     from pg_catalog.pg_trigger as t join (${TABLES}) as c on c.oid = t.tgrelid
     where not t.tgisinternal order by c.oid::regclass::text, t.tgname`,
  ],
  [
    'policies',
    `select format('create policy %I on %I.%I to %s using (%s)', p.policyname, p.schemaname,
         p.tablename, array_to_string(p.roles, ', '), p.qual)
       || coalesce(format(' with check (%s)', p.with_check), '') || ';' as sql
     from pg_catalog.pg_policies as p where p.schemaname in ('howdah', 'howdah_private')
     order by p.schemaname, p.tablename, p.policyname`,
  ],
  [
    'grants',
    `with acls as (
       select 'table ' || c.oid::regclass as object, c.relacl as acl from (${TABLES}) as c
       union all
       select 'view ' || c.oid::regclass, c.relacl from pg_catalog.pg_class as c
       where c.relnamespace in ${OURS} and c.relkind = 'v'
       union all
       select format('column %s.%I', c.oid::regclass, a.attname), a.attacl
       from (${TABLES}) as c join pg_catalog.pg_attribute as a on a.attrelid = c.oid where a.attacl is not null
       union all
       select 'function ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner))
       from pg_catalog.pg_proc as p where p.pronamespace in ${OURS}
     )
     select format('grant %s on %s to %s;', string_agg(lower(g.privilege_type), ', ' order by g.privilege_type),
       x.object, coalesce(r.rolname, 'public')) as sql
     from acls as x cross join lateral aclexplode(x.acl) as g
     left join pg_catalog.pg_roles as r on r.oid = g.grantee
     where coalesce(r.rolname, 'public') like any (array['howdah\\_%', 'public']) and g.grantee <> g.grantor
     group by x.object, coalesce(r.rolname, 'public')
     order by x.object, coalesce(r.rolname, 'public')`,
  ],
  [
    'comments',
    `select format('comment on %s %s is %L;', case c.relkind when 'v' then 'view' else 'table' end,
       c.oid::regclass, d.description) as sql
     from pg_catalog.pg_description as d
     join pg_catalog.pg_class as c on c.oid = d.objoid and d.classoid = 'pg_catalog.pg_class'::regclass
     where c.relnamespace in ${OURS} and d.objsubid = 0 and not c.relispartition
     union all
     select format('comment on column %s.%I is %L;', c.oid::regclass, a.attname, d.description)
     from pg_catalog.pg_description as d
     join pg_catalog.pg_class as c on c.oid = d.objoid and d.classoid = 'pg_catalog.pg_class'::regclass
     join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum = d.objsubid
     where c.relnamespace in ${OURS} and d.objsubid > 0 and not c.relispartition
     union all
     select format('comment on routine %s is %L;', p.oid::regprocedure, d.description)
     from pg_catalog.pg_description as d
     join pg_catalog.pg_proc as p on p.oid = d.objoid and d.classoid = 'pg_catalog.pg_proc'::regclass
     where p.pronamespace in ${OURS}
     order by sql`,
  ],
];
