import '../../environment.ts';
import 'postgraphile';

type GatherHooks = NonNullable<NonNullable<GraphileConfig.Plugin['gather']>['hooks']>;
type AttributeHook = Extract<GatherHooks['pgCodecs_attribute'], (...args: never) => unknown>;
type PgClass = Parameters<AttributeHook>[1]['pgClass'];

/**
 * Allows only indexed columns to filter and sort. PostGraphile's own rule ignores indexes of
 * partitioned tables, where it allows every column, and partial indexes, where it allows none. The
 * partial indexes of Howdah leave out rows that a filter leaves out too (nulls, deleted agents).
 */
export const IndexedColumnsPlugin: GraphileConfig.Plugin = {
  name: 'HowdahIndexedColumnsPlugin',
  version: '1.0.0',
  before: ['PgIndexBehaviorsPlugin'],
  gather: {
    hooks: {
      pgCodecs_attribute(_info, { pgClass, pgAttribute, attribute }) {
        if (!isTable(pgClass)) return;
        attribute.extensions ??= Object.create(null) as object;
        attribute.extensions.isIndexed = indexesOf(pgClass).some((columns) =>
          columns.includes(pgAttribute.attname),
        );
      },
      pgRelations_relation(_info, { relation, pgConstraint }) {
        const referencing = pgConstraint.getClass();
        if (!relation.isReferencee || !referencing || !isTable(referencing)) return;
        const columns = pgConstraint.getAttributes()?.map((column) => column.attname) ?? [];
        relation.extensions ??= Object.create(null) as object;
        relation.extensions.isIndexed = indexesOf(referencing).some((index) =>
          columns.every((column) => index.includes(column)),
        );
      },
    },
  },
};

function isTable(table: PgClass): boolean {
  return table.relkind === 'r' || table.relkind === 'p';
}

function indexesOf(table: PgClass): string[][] {
  return table
    .getIndexes()
    .map((index) => index.getKeys().flatMap((column) => (column ? [column.attname] : [])));
}
