import '../../environment.ts';
import 'postgraphile';
import { type PgCodec, type PgSelectStep, TYPES } from 'postgraphile/@dataplan/pg';
import type { ConnectionStep, Step } from 'postgraphile/grafast';

const INCLUDE = 'includeDeleted';

/**
 * Leaves soft-deleted rows (agents, workflows, prompts, skills) out of lists, as REST does, unless
 * the client asks for them. A row that is reached by its id, or from a run or a version, is always
 * shown.
 */
export const DeletedRowsPlugin: GraphileConfig.Plugin = {
  name: 'HowdahDeletedRowsPlugin',
  version: '1.0.0',
  after: ['PgFirstLastBeforeAfterArgsPlugin'],
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, build, { scope }) {
        const { plan } = field;
        if (!plan || !isListOfDeleted(scope)) return field;
        const { sql } = build;
        return {
          ...field,
          plan($parent, args, info) {
            const $connection = plan($parent, args, info) as ConnectionStep<Step>;
            const $rows = $connection.getSubplan() as unknown as PgSelectStep;
            const isIncluded = sql`${$rows.placeholder(args.getRaw(INCLUDE) as Step, TYPES.boolean)}`;
            $rows.where(sql`(${$rows.alias}.deleted_at is null or ${isIncluded})`);
            return $connection;
          },
        };
      },
      GraphQLObjectType_fields_field_args(args, build, { scope }) {
        if (!isListOfDeleted(scope)) return args;
        const { GraphQLBoolean, GraphQLNonNull } = build.graphql;
        const argument = {
          description: 'Also those that were deleted; `deletedAt` tells which they are.',
          type: new GraphQLNonNull(GraphQLBoolean),
          defaultValue: false,
        };
        return build.extend(args, { [INCLUDE]: argument }, 'lists leave out what was deleted');
      },
    },
  },
};

type Scope = {
  isPgFieldConnection?: boolean;
  pgFieldResource?: { codec: PgCodec; parameters?: unknown };
};

function isListOfDeleted({ isPgFieldConnection, pgFieldResource: rows }: Scope): boolean {
  return Boolean(isPgFieldConnection && !rows?.parameters && rows?.codec.attributes?.deleted_at);
}
