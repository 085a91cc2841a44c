import type { Db } from '../../sql/support.ts';
import { all } from '../../sql/support.ts';

/**
 * The parts of the schema on which the processes of a release depend: the objects that they name,
 * and their privileges.
 */
export type SchemaDependencies = {
  columns: Row[];
  functions: FunctionRow[];
  rights: string[];
  labels: string[];
  constraints: ConstraintRow[];
};

type Row = { table: string; name: string; type: string; is_filled: boolean };
type FunctionRow = {
  name: string;
  arguments: string[];
  most: number;
  least: number;
  result: string;
};
type ConstraintRow = { table: string; name: string; definition: string; columns: string[] };

const OURS = `in ('howdah'::regnamespace, 'howdah_private'::regnamespace)`;
/** Roles of workers, the API, tenants and analysts. */
const ROLES = `unnest(array['howdah_worker', 'howdah_authenticator', 'howdah_app', 'howdah_analyst'])`;

/** Reads the dependencies from the catalogue. Partitions count as their table. */
export async function readSchemaDependencies(db: Db): Promise<SchemaDependencies> {
  const columns = await all<Row>(
    db,
    `select c.oid::regclass::text as table, a.attname as name, format_type(a.atttypid, a.atttypmod) as type,
       c.relkind = 'v' or not a.attnotnull or a.atthasdef or a.attidentity <> '' as is_filled
     from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     where c.relnamespace ${OURS} and c.relkind in ('r', 'p', 'v') and not c.relispartition order by 1, a.attnum`,
  );
  const functions = await all<FunctionRow>(
    db,
    `select p.oid::regproc::text as name, p.pronargs::int as most, p.pronargs - p.pronargdefaults as least,
       coalesce((select array_agg(concat_ws(' ', p.proargnames[i], t.type::regtype::text) order by i)
         from unnest(p.proargtypes) with ordinality as t (type, i)), '{}') as arguments,
       coalesce(pg_get_function_result(p.oid), 'nothing') as result
     from pg_proc as p
     where p.pronamespace ${OURS} and p.prorettype <> 'trigger'::regtype
       and exists (select from ${ROLES} as role where has_function_privilege(role, p.oid, 'execute'))
     order by 1`,
  );
  const rights = await all<{ is: string }>(
    db,
    `select role || ' may ' || privilege || ' ' || c.oid::regclass || '.' || a.attname as is
     from pg_class as c join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     cross join ${ROLES} as role cross join unnest(array['select', 'insert', 'update']) as privilege
     where c.relnamespace ${OURS} and c.relkind in ('r', 'p', 'v') and not c.relispartition
       and has_column_privilege(role, c.oid, a.attnum, privilege)`,
  );
  const labels = await all<{ is: string }>(
    db,
    `select e.enumtypid::regtype || ' ' || e.enumlabel as is from pg_enum as e
     join pg_type as t on t.oid = e.enumtypid and t.typnamespace ${OURS}`,
  );
  const constraints = await all<ConstraintRow>(
    db,
    `select k.conrelid::regclass::text as table, k.conname as name, pg_get_constraintdef(k.oid) as definition,
       array(select a.attname::text from pg_attribute as a
         where a.attrelid = k.conrelid and a.attnum = any (k.conkey)) as columns
     from pg_constraint as k join pg_class as c on c.oid = k.conrelid and not c.relispartition
     where k.connamespace ${OURS} and k.contype in ('c', 'f', 'u', 'p', 'x')`,
  );
  const words = (rows: { is: string }[]) => rows.map(({ is }) => is);
  return { columns, functions, rights: words(rights), labels: words(labels), constraints };
}

/**
 * Lists the dependencies that a newer schema breaks, in one sentence each. Processes of the older
 * release would fail on that schema.
 */
export function listBrokenDependencies(
  before: SchemaDependencies,
  after: SchemaDependencies,
): string[] {
  const has = new Set(before.columns.map(({ table }) => table));
  const types = new Map(after.columns.map(({ table, name, type }) => [`${table}.${name}`, type]));
  const filled = new Set(after.columns.filter((one) => one.is_filled).map(pathOf));
  const known = new Map(before.columns.map((one) => [pathOf(one), one]));
  return [
    ...before.columns.flatMap((one) => {
      const type = types.get(pathOf(one));
      if (type === undefined) return [`${pathOf(one)} is gone`];
      if (type !== one.type) return [`${pathOf(one)} is ${type}, and was ${one.type}`];
      return one.is_filled && !filled.has(pathOf(one)) ? [`${pathOf(one)} has to be given`] : [];
    }),
    ...after.columns
      .filter((one) => has.has(one.table) && !known.has(pathOf(one)) && !one.is_filled)
      .map((one) => `${pathOf(one)} has to be given, and is not known`),
    ...before.functions
      .filter((one) => !after.functions.some((other) => acceptsOldCalls(one, other)))
      .map(
        ({ name, arguments: argumentTypes, result }) =>
          `${name}(${argumentTypes.join(', ')}) can no longer be called, or gives other columns than ${result}`,
      ),
    ...missing(before.rights, after.rights).filter((right) =>
      types.has(right.split(' ').at(-1) ?? ''),
    ),
    ...missing(before.labels, after.labels).map((label) => `${label} is gone`),
    ...after.constraints
      .filter((one) => isStricter(one, before, known))
      .map(
        ({ table, name, definition }) =>
          `${table}: ${name} ${definition} may refuse what is written`,
      ),
  ];
}

const pathOf = ({ table, name }: { table: string; name: string }): string => `${table}.${name}`;

const missing = (before: string[], after: string[]): string[] => {
  const there = new Set(after);
  return before.filter((one) => !there.has(one));
};

/**
 * Returns whether a function still accepts the old arguments by name and position. Further
 * arguments need a default.
 */
function acceptsOldCalls(old: FunctionRow, now: FunctionRow): boolean {
  return (
    now.name === old.name &&
    now.result === old.result &&
    now.most >= old.most &&
    now.least <= old.least &&
    old.arguments.every((one, at) => now.arguments[at] === one)
  );
}

/**
 * Returns whether a constraint is new and concerns only columns that the release knows. A known
 * definition under another name is not new.
 */
function isStricter(
  one: ConstraintRow,
  before: SchemaDependencies,
  known: Map<string, unknown>,
): boolean {
  const isOld = before.constraints.some(
    ({ table, definition }) => table === one.table && definition === one.definition,
  );
  return !isOld && one.columns.every((column) => known.has(`${one.table}.${column}`));
}
