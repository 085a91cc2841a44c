import './environment.ts';
import { createHash } from 'node:crypto';
import { makeSchema } from 'postgraphile';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { makeIntrospectionQuery } from 'postgraphile/graphile-build-pg/pg-introspection';
import type { GraphQLSchema } from 'postgraphile/graphql';
import { inTransaction, type Pool } from '../../db/connection/pool.ts';
import type { JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { schemaPreset } from './preset.ts';
import { checkUserSchemas, explainClash } from './user-schemas.ts';

/** Maximum number of cached schemas. Each takes tens of megabytes. */
const MAX_SCHEMAS = 2;
/** Maximum number of versions whose digest is known. */
const MAX_VERSIONS = 100;

/** The schemas used most recently, by a digest of what they were built from. The newest is last. */
const schemas = new Map<string, Promise<GraphQLSchema>>();

/** The digests of catalogues, by their version. */
const digests = new Map<string, string>();

/**
 * Returns the GraphQL schema of a database. Building one takes seconds of the processor. A schema
 * is built from the catalogue alone, and plans take their connection from the context of an
 * operation. So databases with equal catalogues, such as copies of one template, share one schema.
 *
 * The version of a catalogue is cheap to read, but also changes with what the introspection leaves
 * out, such as a new partition. Then the introspection is read, and its digest finds the schema.
 */
export async function schemaOf(
  pool: Pool,
  userSchemas: readonly string[] = [],
): Promise<GraphQLSchema> {
  await checkUserSchemas(pool, userSchemas);
  const { version } = await read(pool, `select (${CATALOGUE_VERSION}) as version`);
  const known = digests.get([version, ...userSchemas].join(' ')) ?? '';
  const shared = schemas.get(known);
  if (!shared) return readSchema(pool, userSchemas);
  store(schemas, known, shared, MAX_SCHEMAS);
  return shared;
}

/** Stores an entry as the newest, and removes the oldest. */
function store<T>(entries: Map<string, T>, key: string, entry: T, most: number): void {
  entries.delete(key);
  entries.set(key, entry);
  for (const oldest of [...entries.keys()].slice(0, -most)) entries.delete(oldest);
}

/** Reads version and introspection in one statement, and builds the schema if there is none. */
async function readSchema(pool: Pool, userSchemas: readonly string[]): Promise<GraphQLSchema> {
  const text = `select (${CATALOGUE_VERSION}) as version, (${MEMBERSHIPS}) as memberships,
    (${introspectionOf(userSchemas)}) as introspection`;
  const catalogue = await read(pool, text);
  const digest = digestOf(catalogue, userSchemas);
  store(digests, [catalogue.version, ...userSchemas].join(' '), digest, MAX_VERSIONS);
  const building = schemas.get(digest) ?? buildSchema(pool, userSchemas, catalogue.introspection);
  store(schemas, digest, building, MAX_SCHEMAS);
  return building.catch((error) => {
    if (schemas.get(digest) === building) schemas.delete(digest);
    throw error;
  });
}

/** Returns a digest of an introspection without the name of the database and unrelated roles. */
function digestOf(catalogue: Catalogue, userSchemas: readonly string[]): string {
  const shape = parseJson(catalogue.introspection) as JsonObject;
  for (const part of ['database', 'roles', 'auth_members']) delete shape[part];
  const built = JSON.stringify([userSchemas, catalogue.memberships, shape]);
  return createHash('sha256').update(built).digest('hex');
}

/**
 * Builds a schema. makeSchema gets the introspection that was read, and sends no query. JSON.parse
 * reads the text from the row, so that the text can be freed afterwards.
 */
async function buildSchema(
  pool: Pool,
  userSchemas: readonly string[],
  introspection: string,
): Promise<GraphQLSchema> {
  const row = { text: introspection };
  const rows = [{ introspection: { toString: () => row.text } }];
  const { pgServices = [], ...preset } = schemaPreset(pool, userSchemas);
  const client = { query: async () => ({ rows: rows.splice(0) }) };
  const withPgClient = (async (_settings, work) => work(client as never)) as WithPgClient;
  const adaptor = { createWithPgClient: () => withPgClient } as never;
  const services = pgServices.map((service) => ({
    ...service,
    adaptor,
    adaptorSettings: undefined,
  }));
  const { schema } = await makeSchema({ ...preset, pgServices: services }).catch((cause) => {
    throw explainClash(cause, userSchemas);
  });
  row.text = ''; // the schema keeps a reference to the row
  return schema;
}

/** The condition on `pg_namespace` that selects the schemas of which GraphQL knows the types. */
export const TYPE_SCHEMAS = `nspname in ('howdah', 'pg_catalog')
      or oid in (select e.extnamespace from pg_catalog.pg_extension as e)`;

/**
 * PostGraphile's introspection query, limited to the schema `howdah` and to types that its columns
 * may have. The introspection of all schemas is more than twice as large, since nearly all
 * functions are private. Functions with a type of another schema are left out, because the
 * introspection would refer to a type that it lacks.
 */
const INTROSPECTION = replaceOnce(
  replaceOnce(
    makeIntrospectionQuery(),
    "where nspname <> 'information_schema'\n",
    `where ${TYPE_SCHEMAS}\n`,
  ),
  'and prorettype operator(pg_catalog.<>) 2279\n',
  `and prorettype operator(pg_catalog.<>) 2279 and not exists (
      select from unnest(prorettype || coalesce(proallargtypes, proargtypes::oid[])) as u (type)
      join pg_catalog.pg_type as t on t.oid = u.type
      where t.typnamespace not in (select namespaces._id from namespaces)
    )
  `,
);

/** Adds schemas of the user, whose names were checked, to the introspection. */
function introspectionOf(userSchemas: readonly string[]): string {
  if (userSchemas.length === 0) return INTROSPECTION;
  const names = userSchemas.map((name) => `'${name.replaceAll("'", "''")}'`).join(', ');
  return INTROSPECTION.replace("nspname in ('howdah',", () => `nspname in ('howdah', ${names},`);
}

function replaceOnce(text: string, search: string, replacement: string): string {
  if (text.split(search).length !== 2) {
    throw new Error(
      'this version of the package postgraphile has an unknown introspection query; install the version in the package.json of howdah',
    );
  }
  return text.replace(search, () => replacement);
}

type Catalogue = { version: string; memberships: string; introspection: string };

function read(pool: Pool, text: string): Promise<Catalogue> {
  return inTransaction(pool, async (client) => {
    await client.query('set local role howdah_app');
    const { rows } = await client.query(text);
    return rows[0];
  });
}

/** Catalogues that the introspection reads, without roles and pg_database. */
const CATALOGUES = [
  'pg_am',
  'pg_attribute',
  'pg_class',
  'pg_constraint',
  'pg_depend',
  'pg_description',
  'pg_enum',
  'pg_extension',
  'pg_index',
  'pg_inherits',
  'pg_language',
  'pg_namespace',
  'pg_policy',
  'pg_proc',
  'pg_range',
  'pg_type',
];

/** The roles whose privileges the reading role has. */
const MEMBERSHIPS = `
  select string_agg(concat_ws(' ', r.oid, r.rolinherit, r.rolsuper), ',' order by r.oid)
  from pg_catalog.pg_roles as r where pg_catalog.pg_has_role(current_user, r.oid, 'member')`;

/**
 * Identifies the catalogue by its row versions, without reading the rows: each was written by one
 * transaction at one place, and only copying a database repeats both. Vacuum and analyze change
 * statistics in place and leave the versions as they are. Copies of a whole server may repeat
 * versions too, so the time at which the server started is part of it.
 */
const CATALOGUE_VERSION = `
  select concat_ws(' ', pg_postmaster_start_time(), (${MEMBERSHIPS}), (
      select string_agg(c.rows, ' ' order by c.name)
      from (${CATALOGUES.map(rowVersions).join(' union all ')}) as c
    ))`;

function rowVersions(name: string): string {
  return `select '${name}' as name, sha256(convert_to(
      string_agg(concat(c.ctid, c.xmin), ',' order by c.ctid), 'UTF8'))::text as rows
    from pg_catalog.${name} as c`;
}
