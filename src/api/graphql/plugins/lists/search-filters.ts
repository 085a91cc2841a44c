import '../../environment.ts';
import 'postgraphile';
import { PgCondition, sqlValueWithCodec, TYPES } from 'postgraphile/@dataplan/pg';
import { sql } from 'postgraphile/pg-sql2';
import { RUNS_OF, SESSIONS_WITH } from '../../../../db/queries/run-search.ts';
import { ownText } from './run-search.ts';

type Target = ConstructorParameters<typeof PgCondition>[0];

/** A filter that is no column: a function returns the ids of the rows for its value. */
type Search = { field: string; ids: string; description: string };

const SEARCHES: Readonly<Record<string, Search>> = {
  executions: {
    field: 'ref',
    ids: RUNS_OF,
    description: 'A row of a table that the runs belong to, such as shop.orders:4711.',
  },
  sessions: {
    field: 'words',
    ids: SESSIONS_WITH,
    description: 'Words that the title or one turn of the session contains.',
  },
};

/** Adds the filters of lists that functions of the database search for. */
export const SearchFiltersPlugin: GraphileConfig.Plugin = {
  name: 'HowdahSearchFiltersPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLInputObjectType_fields(fields, build, { scope, fieldWithHooks }) {
        const { pgResources } = build.input.pgRegistry;
        const [, search] =
          Object.entries(SEARCHES).find(([name]) => pgResources[name]?.codec === scope.pgCodec) ??
          [];
        if (!scope.isPgConnectionFilter || !search) return fields;
        const { field, ids, description } = search;
        const added = fieldWithHooks(
          { fieldName: field },
          {
            ...{ type: build.graphql.GraphQLString, description },
            apply(target: Target, value: unknown) {
              if (typeof value === 'string') addSearch(target, ids, value);
            },
          },
        );
        return build.extend(fields, { [field]: added }, 'HowdahSearchFiltersPlugin');
      },
    },
  },
};

/** A condition of its own, so that `or` and `not` keep it together. */
function addSearch(target: Target, ids: string, value: string): void {
  const found = sql`${ownText(ids)}(${sqlValueWithCodec(value, TYPES.text)})`;
  new PgCondition(target).where(sql`(${target.alias}.id = any (array(select ${found})))`);
}
