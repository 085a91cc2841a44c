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

/** Renders the functions, the tables and the settings, from the comments of a migrated database. */
export async function sqlPages(url: string): Promise<ReferencePage[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const [routines, columns, settings] = [
      (await client.query<Routine>(ROUTINES)).rows,
      (await client.query<Column>(COLUMNS)).rows,
      (await client.query<Setting>(SETTINGS)).rows,
    ];
    return [functionsPage(routines), tablesPage(columns), settingsPage(settings)];
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

/** Returns a comment without its smart tags. */
function aboutOf(comment: string): string {
  return comment.replace(/^(@[^\n]*(\n|$))+/, '');
}

function withoutSchema(text: string): string {
  return text.replaceAll(/\bhowdah\./g, '').replaceAll('timestamp with time zone', 'timestamptz');
}
