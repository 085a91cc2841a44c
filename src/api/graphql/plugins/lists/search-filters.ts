import '../../environment.ts';
import 'postgraphile';
import { PgCondition, sqlValueWithCodec, TYPES } from 'postgraphile/@dataplan/pg';
import { sql } from 'postgraphile/pg-sql2';
import { BELONGS_TO_ROW, HAS_WORDS } from '../../../../db/queries/run-search.ts';
import { ownText } from './run-search.ts';

type Target = ConstructorParameters<typeof PgCondition>[0];

/** A filter that is no column: its value is the `?::text` of a condition over `t`. */
type Search = { field: string; condition: string; description: string };

const SEARCHES: Readonly<Record<string, Search>> = {
  executions: {
    field: 'ref',
    condition: BELONGS_TO_ROW,
    description: 'A row of a table that the runs belong to, such as shop.orders:4711.',
  },
  sessions: {
    field: 'words',
    condition: HAS_WORDS,
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
        const { field, condition, description } = search;
        const added = fieldWithHooks(
          { fieldName: field },
          {
            ...{ type: build.graphql.GraphQLString, description },
            apply(target: Target, value: unknown) {
              if (typeof value === 'string') addSearch(target, condition, value);
            },
          },
        );
        return build.extend(fields, { [field]: added }, 'HowdahSearchFiltersPlugin');
      },
    },
  },
};

/** A condition of its own, so that `or` and `not` keep it together. */
function addSearch(target: Target, condition: string, value: string): void {
  const [left = '', right = ''] = condition.replace(/^t\b/, '').split('?::text');
  const text = sqlValueWithCodec(value, TYPES.text);
  new PgCondition(target).where(sql`(${target.alias}${ownText(left)}${text}${ownText(right)})`);
}
