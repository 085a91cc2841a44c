import { buildSchema } from 'graphql';
import type { CommandMetadata } from '../../../src/cli/help/command-metadata.ts';
import type { Pool } from '../../../src/db/connection/pool.ts';

/** The interfaces of Howdah, in the order of the table. */
export const INTERFACES = ['SQL', 'GraphQL', 'REST', 'CLI', 'TypeScript'] as const;
export type InterfaceName = (typeof INTERFACES)[number];

/** The operations that each interface really has, by name. */
export type Registries = Readonly<{
  /** Functions as `howdah.run()`, tables and views as `select howdah.agents`. */
  SQL: ReadonlySet<string>;
  /** The names of fields. Queries and mutations share no name. */
  GraphQL: ReadonlySet<string>;
  /** `POST /api/agents`. */
  REST: ReadonlySet<string>;
  /** The words after `howdah`, such as `admin users create`. */
  CLI: ReadonlySet<string>;
  /** Methods of the client, and operations of its `call()`. */
  TypeScript: ReadonlySet<string>;
  /** The operation of the client for each route of REST. */
  callOf: ReadonlyMap<string, string>;
}>;

/** Reads the registries. `graphqlSdl` is the schema that callers of the API get. */
export async function readRegistries(pool: Pool, graphqlSdl: string): Promise<Registries> {
  const rest = await readRest();
  const callOf = await readOperations();
  return {
    SQL: await readSql(pool),
    GraphQL: readGraphql(graphqlSdl),
    REST: rest,
    CLI: await readCommands(),
    TypeScript: new Set([...callOf.values(), ...(await readMethods())]),
    callOf,
  };
}

/** Reads the privileges of `howdah_app` from the catalogue. */
async function readSql(pool: Pool): Promise<Set<string>> {
  const { rows } = await pool.query<{ name: string }>(`
    select distinct 'howdah.' || p.proname || '()' as name
    from pg_proc as p
    where p.pronamespace = 'howdah'::regnamespace and p.prorettype <> 'trigger'::regtype
      and has_function_privilege('howdah_app', p.oid, 'execute')
    union
    select v.verb || ' howdah.' || c.relname
    from pg_class as c cross join (values ('select'), ('insert'), ('update'), ('delete')) as v (verb)
    where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p', 'v')
      and not c.relispartition
      and case v.verb when 'delete' then has_table_privilege('howdah_app', c.oid, 'delete')
        else has_any_column_privilege('howdah_app', c.oid, v.verb) end`);
  return new Set(rows.map(({ name }) => name));
}

function readGraphql(sdl: string): Set<string> {
  const schema = buildSchema(sdl, { assumeValidSDL: true });
  const types = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
  return new Set(types.flatMap((type) => Object.keys(type?.getFields() ?? {})));
}

async function readRest(): Promise<Set<string>> {
  const { restRoutes } = await import('../../../src/api/rest/rest-routes.ts');
  return new Set(restRoutes.map(({ method, path }) => `${method} ${path}`));
}

async function readOperations(): Promise<Map<string, string>> {
  const { operations } = await import('../../../src/client/operations.generated.ts');
  return new Map(
    Object.entries(operations).map(([name, [method, path]]) => [`${method} ${path}`, name]),
  );
}

async function readMethods(): Promise<string[]> {
  const { connect } = await import('../../../src/client/connect.ts');
  return Object.keys(connect('http://127.0.0.1:1')).map((name) => `.${name}()`);
}

/** The commands with their verbs, under the words that help shows. */
async function readCommands(): Promise<Set<string>> {
  const { commands } = await import('../../../src/cli/registry.ts');
  const { isNoun } = await import('../../../src/cli/command-entry.ts');
  const { described } = await import('../../../src/cli/help/command-metadata.generated.ts');
  const wordsOf = (words: string, metadata: CommandMetadata | undefined): string[] => {
    const verbs = (metadata?.verbs ?? []).filter(({ isHidden }) => !isHidden);
    return verbs.length === 0
      ? [words]
      : verbs.flatMap((verb) => wordsOf(`${words} ${verb.name}`, verb));
  };
  const shown = commands.filter(({ isHidden }) => !isHidden);
  return new Set(
    shown.flatMap((entry) =>
      isNoun(entry)
        ? entry.commands.flatMap(({ name }) => wordsOf(`${entry.name} ${name}`, described[name]))
        : wordsOf(entry.name, described[entry.name]),
    ),
  );
}
