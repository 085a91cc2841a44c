import pg from 'pg';
import { cell, code, codeCell, page, type ReferencePage, table } from './markdown.ts';

type Routine = { name: string; arguments: string; result: string; comment: string };
type Column = {
  relation: string;
  kind: string;
  about: string;
  name: string;
  type: string;
  comment: string;
};
type Setting = {
  key: string;
  default_value: string | null;
  minimum: string;
  maximum: string;
  description: string;
};
type Permission = { action: string; role: string; by_agent: boolean; objects: string[] };

/**
 * Renders the functions, tables, settings and permissions from the comments of a migrated database.
 */
export async function sqlPages(url: string): Promise<ReferencePage[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const [routines, columns, settings, permissions] = [
      (await client.query<Routine>(ROUTINES)).rows,
      (await client.query<Column>(COLUMNS)).rows,
      (await client.query<Setting>(SETTINGS)).rows,
      (await client.query<Permission>(PERMISSIONS)).rows,
    ];
    return [
      functionsPage(routines),
      tablesPage(columns),
      settingsPage(settings),
      permissionsPage(permissions),
    ];
  } finally {
    await client.end();
  }
}

const ROUTINES = `
  select p.proname as name, pg_get_function_arguments(p.oid) as arguments,
    case p.prokind when 'p' then 'procedure' else pg_get_function_result(p.oid) end as result,
    coalesce(obj_description(p.oid, 'pg_proc'), '') as comment
  from pg_proc as p
  where p.pronamespace = 'howdah'::regnamespace
    and not exists (
      select from pg_type as t where t.typrelid <> 0 and t.oid = p.proargtypes[0] and p.pronargs = 1
        and starts_with(p.proname, t.typname || '_'))
  order by p.proname, arguments`;
const COLUMNS = `
  select c.relname as relation, case c.relkind when 'v' then 'view' else 'table' end as kind,
    coalesce(obj_description(c.oid, 'pg_class'), '') as about, a.attname as name,
    format_type(a.atttypid, a.atttypmod) as type, coalesce(col_description(c.oid, a.attnum), '') as comment
  from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
  order by c.relkind = 'v', c.relname, a.attnum`;
const SETTINGS = `select key, default_value::text, minimum::text, maximum::text, description
  from howdah_private.setting_kinds() order by key`;
const PERMISSIONS = `
  select action, role::text, by_agent, array_agg(object order by object) as objects
  from howdah_private.permission_rows() group by action, role, by_agent
  order by array_position(array['run', 'edit', 'manage', 'read'], action), role, by_agent desc`;

function functionsPage(routines: readonly Routine[]): ReferencePage {
  return page('functions.md', {
    title: 'SQL functions',
    source: 'the comments in sql/20_public',
    parts: [
      'Each function of the schema `howdah`, as its comment describes it. [SQL](../sql.md) shows how to use them. ' +
        'Call functions by `select`, and procedures by `call`.',
      ...routines.flatMap(({ name, arguments: parameters, result, comment }) => [
        `## ${name}`,
        `\`\`\`text\nhowdah.${name}(${withoutSchema(parameters)})${result === 'procedure' ? '' : ` → ${withoutSchema(result)}`}\n\`\`\``,
        ...(result === 'procedure' ? ['A procedure.'] : []),
        cell(aboutOf(comment)).replaceAll('\\|', '|'),
      ]),
    ],
  });
}

function tablesPage(columns: readonly Column[]): ReferencePage {
  const relations = [...Map.groupBy(columns, ({ relation }) => relation).values()];
  const sections = (kind: string) =>
    relations
      .filter(([first]) => first?.kind === kind)
      .flatMap((rows) => [
        `### ${rows[0]?.relation}`,
        cell(aboutOf(rows[0]?.about ?? '')).replaceAll('\\|', '|'),
        table(
          ['column', 'type', 'meaning'],
          rows.map(({ name, type, comment }) => [
            code(name),
            codeCell(withoutSchema(type)),
            cell(aboutOf(comment)),
          ]),
        ),
      ]);
  return page('tables.md', {
    title: 'Tables and views',
    source: 'the comments in migrations/ and sql/',
    parts: [
      'Each table and view of the schema `howdah`, as its comments describe it. Row-level security shows each tenant its ' +
        'own rows. [Analytics](../analytics.md) shows queries over the views.',
      '## Tables',
      ...sections('table'),
      '## Views',
      ...sections('view'),
    ],
  });
}

function settingsPage(settings: readonly Setting[]): ReferencePage {
  return page('settings.md', {
    title: 'Settings of the engine',
    source: 'howdah_private.setting_kinds()',
    parts: [
      'Rows of `howdah.settings` override these defaults for a tenant or the installation: [settings](../settings.md).',
      table(
        ['setting', 'default', 'range', 'meaning'],
        settings.map((one) => [
          code(one.key),
          one.default_value === null ? 'none' : code(one.default_value),
          `${one.minimum} to ${one.maximum}`,
          cell(one.description),
        ]),
      ),
    ],
  });
}

function permissionsPage(permissions: readonly Permission[]): ReferencePage {
  return page('permissions.md', {
    title: 'Permissions',
    source: 'howdah_private.permission_rows()',
    parts: [
      'The least role for each action on the rows of a table, as `howdah.permissions` has it: [keys](../keys.md#roles). ' +
        'Every caller of the tenant may read everything else. Only an owner of the database may write anything else.',
      table(
        ['action', 'tables', 'least role', 'a grant allows it too'],
        permissions.map(({ action, role, by_agent, objects }) => [
          action,
          objects.map(code).join(', '),
          role,
          by_agent ? 'yes' : '',
        ]),
      ),
    ],
  });
}

/** Returns a comment without its smart tags. */
function aboutOf(comment: string): string {
  return comment.replace(/^(@[^\n]*(\n|$))+/, '');
}

function withoutSchema(text: string): string {
  return text.replaceAll(/\bhowdah\./g, '').replaceAll('timestamp with time zone', 'timestamptz');
}
