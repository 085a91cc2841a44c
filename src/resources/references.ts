import { z } from 'zod';
import { columnComments, foreignKeys } from '../db/catalog.generated.ts';
import { type Queryable, quoteName } from '../db/connection/pool.ts';
import { closestNames } from '../text/closest-names.ts';
import { joinNames } from '../text/join-names.ts';
import { RequestRefusal } from './request-refusal.ts';

type Body = Readonly<Record<string, unknown>>;
type Fields = z.ZodRawShape;
/** A table whose rows people know by a name. */
type Named = { one: string; many: string; column?: string };
/** A column that refers to a row, and the field that names the row in its place. */
export type Reference = {
  field: string;
  column: string;
  table: string;
  isNullable: boolean;
  /** True if a new row needs the column or the field. */
  isRequired: boolean;
};

const NAMED: Readonly<Record<string, Named>> = {
  datasets: { one: 'data set', many: 'data sets' },
  knowledge_bases: { one: 'knowledge base', many: 'knowledge bases' },
  models: { one: 'model', many: 'models' },
  prompts: { one: 'prompt', many: 'prompts' },
  tools: { one: 'tool', many: 'tools' },
  users: { one: 'user', many: 'users', column: 'username' },
  webhooks: { one: 'webhook', many: 'webhooks', column: 'url' },
};
const MOST_NAMES = 1_000;

/** Returns the columns of a table that refer to rows with names. */
export function referencesOf(table: string, columns: Fields): Reference[] {
  return Object.entries(columns).flatMap(([column, schema]) => {
    const other = foreignKeys[table]?.[column];
    if (other === undefined || !(other in NAMED) || !column.endsWith('_id')) return [];
    const accepts = (value: unknown) => (schema as z.ZodType).safeParse(value).success;
    const field = column.slice(0, -'_id'.length);
    const [isNullable, isRequired] = [accepts(null), !accepts(undefined)];
    return { field, column, table: other, isNullable, isRequired };
  });
}

/** Returns columns as they are sent: optional where a name may be sent in place of the id. */
export function withOptionalIds(columns: Fields, references: readonly Reference[]): Fields {
  const optional = references
    .filter(({ isRequired }) => isRequired)
    .map(({ column }) => [column, (columns[column] as z.ZodType).optional()]);
  return { ...columns, ...Object.fromEntries(optional) };
}

/** Rejects a new row without a reference that it needs. */
export function refuseMissing(references: readonly Reference[], values: Body): void {
  const missing = references.find(
    ({ column, isRequired }) => isRequired && values[column] === undefined,
  );
  if (!missing) return;
  const { field, column } = missing;
  throw new RequestRefusal(400, `${column} is missing`, {
    hint: `Set ${column}, or ${field} to the name of the row.`,
    detail: { field: column },
  });
}

/** Returns the fields that name rows in place of their ids, with the comments of the columns. */
export function namesInPlaceOfIds(table: string, references: readonly Reference[]): Fields {
  return Object.fromEntries(
    references.map((reference) => {
      const { field, column, isNullable } = reference;
      const { one, column: name = 'name' } = namedRow(reference.table);
      const text = isNullable ? z.string().nullable() : z.string();
      const comment = columnComments[table]?.[column] ?? `The ${one}.`;
      return [field, text.optional().describe(`${comment} Its ${name}, in place of ${column}.`)];
    }),
  );
}

/**
 * Leaves out the name or the id of a reference that equals the stored one. A client may send a row
 * back as it was read, with only the name or only the id changed: the changed one counts.
 */
export function withoutUnchanged(references: readonly Reference[], body: Body, row: Body): Body {
  const unchanged = references.flatMap(({ field, column }) => {
    if (![field, column].every((name) => name in body && name in row)) return [];
    if (body[field] === row[field]) return [field];
    return body[column] === row[column] ? [column] : [];
  });
  return Object.fromEntries(Object.entries(body).filter(([name]) => !unchanged.includes(name)));
}

/** Returns a field that shows the name of the row that a column refers to. */
export function shownName(table: string, column: string) {
  const { one, column: name = 'name' } = namedRow(table);
  return {
    sql: `(select r.${name} from howdah.${quoteName(table)} as r where r.id = t.${column})`,
    schema: z.string().nullable().describe(`The ${name} of the ${one}`),
  };
}

/** Returns a body with the ids of the rows that it names. */
export async function withIdsOfNames(
  references: readonly Reference[],
  body: Body,
  db: Queryable,
): Promise<Body> {
  const result: Record<string, unknown> = { ...body };
  for (const reference of references) {
    const { field, column } = reference;
    const { [field]: name, [column]: sent } = body;
    delete result[field];
    if (name === undefined || (name === null && sent != null)) continue;
    result[column] = name === null ? null : await idOfName(db, reference, String(name), sent);
  }
  return result;
}

/**
 * Returns the id of the row with a name. The id is accepted as well. Rejects the name of another
 * row than the one whose id was sent beside it.
 */
async function idOfName(
  db: Queryable,
  { field, column, table }: Reference,
  name: string,
  sent: unknown,
): Promise<string> {
  const { one, many, column: nameColumn = 'name' } = namedRow(table);
  const { rows } = await db.query<{ id: string; is_named: boolean }>(
    `select t.id, t.${nameColumn} = $1 as is_named from ${rowsOf(table)}
       and (t.${nameColumn} = $1 or t.id::text = lower($1)) order by t.id`,
    [name],
  );
  const byName = rows.filter(({ is_named }) => is_named);
  const ids = (byName.length > 0 ? byName : rows).map(({ id }) => id);
  const [id] = ids;
  if (id === undefined) throw await unknownName(db, table, field, name);
  if (sent != null && ids.includes(String(sent).toLowerCase())) return String(sent);
  if (sent != null) {
    throw new RequestRefusal(400, `${field} and ${column} do not mean the same ${one}`, {
      hint: 'Set only one of them.',
      detail: { field },
    });
  }
  if (ids.length === 1) return id;
  throw new RequestRefusal(400, `${ids.length} ${many} have the ${nameColumn} '${name}'`, {
    hint: `Set ${column} to one of ${joinNames(ids)}.`,
    detail: { field },
  });
}

const rowsOf = (table: string) =>
  `howdah.${quoteName(table)} as t where t.tenant_id = howdah.current_tenant()`;

async function unknownName(db: Queryable, table: string, field: string, name: string) {
  const { one, many, column = 'name' } = namedRow(table);
  const { rows } = await db.query<{ name: string }>(
    `select t.${column} as name from ${rowsOf(table)} order by t.${column} limit ${MOST_NAMES}`,
  );
  const names = rows.map((row) => row.name);
  const near = closestNames(name, names);
  const all = names.length > 0 ? `There are: ${joinNames(names)}.` : `There are no ${many} yet.`;
  return new RequestRefusal(404, `there is no ${one} '${name}'`, {
    code: 'HWNTF',
    hint: near.length > 0 ? `Did you mean ${joinNames(near)}? ${all}` : all,
    detail: { field, [field]: name },
  });
}

function namedRow(table: string): Named {
  const named = NAMED[table];
  if (!named) throw new Error(`the rows of ${table} have no name`);
  return named;
}
