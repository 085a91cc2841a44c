import '../../environment.ts';
import 'postgraphile';
import type { PgCodec } from 'postgraphile/@dataplan/pg';

/**
 * Columns of large tables that order no list, since each of their indexes leaves out rows or begins
 * with another column. Postgres would sort all rows of the tenant (list-plans.test.ts).
 */
const WITHOUT_ORDER: Readonly<Record<string, readonly string[]>> = {
  audit_log: ['api_key_id', 'user_id'],
  board_entries: ['root_execution_id', 'written_by_execution_id'],
  dataset_items: ['source_execution_id', 'source_user_id'],
  documents: ['resource_id', 'source'],
  evaluation_results: ['execution_id', 'repeat'],
  executions: [
    'compensates_execution_id',
    'completed_at',
    'concurrency_key',
    'forked_from_execution_id',
    'metadata',
    'parent_execution_id',
    'priority',
    'root_execution_id',
    'session_id',
    'user_id',
    'workflow_id',
  ],
  feedback_entries: ['execution_id'],
  grades: ['grader'], // the index begins with the result
  inbound_deliveries: ['delivery_id', 'execution_id'],
  mail: [
    'from_execution_id',
    'received_by_execution_id',
    'reply_to_id',
    'root_execution_id',
    'to_execution_id',
  ],
  memories: [
    'agent_id',
    'decided_by',
    'digest',
    'origin_id',
    'proposal_status',
    'scope',
    'session_id',
    'source_execution_id',
    'superseded_by',
    'user_id',
  ],
  messages: ['session_id'],
  questions: ['execution_id', 'session_id'],
  resources: ['execution_id', 'session_id', 'storage_path', 'uri'],
  sessions: ['chat_key', 'forked_from_session_id', 'workflow_id'],
  watched_rows: ['updated_at'],
  webhook_deliveries: ['alert_rule_id', 'execution_id', 'inbound_hook_id'],
};

/** Columns whose filters are served in another way than the keys of the indexes say. */
const FILTERS: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  chunks: { number: false }, // the index is for terms, and begins with no tenant
  documents: { source: false }, // the index begins with the knowledge base
  executions: {
    metadata: true, // by the tags of runs
    priority: false, // the index is for claims, and begins with a status
  },
  evaluation_results: { repeat: false }, // the index begins with the item
  feedback_entries: { source: false }, // the index begins with the run
  grades: { grader: false }, // the index begins with the result
  // partial indexes of each value
  inbound_deliveries: { status: true },
  memories: { digest: false, scope: false }, // the index begins with the subject
  questions: { kind: true, status: true },
  watched_rows: { created_at: false }, // the index is for the runs of one row
};

/**
 * The indexes and the required columns of the table that stores the rows of a view. PostGraphile
 * reads only the catalogue of exposed schemas, where a view has neither.
 */
const VIEWS: Readonly<Record<string, { indexes: string[][]; required: string }>> = {
  messages: {
    indexes: [['execution_id', 'seq'], ['session_id']],
    required: 'execution_id tenant_id seq id created_at role trust tokens_in tokens_out',
  },
};

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
        const indexes = indexesOf(pgClass);
        if (!indexes) return;
        attribute.extensions ??= Object.create(null) as object;
        const { attname } = pgAttribute;
        attribute.extensions.isIndexed =
          filterOf(pgClass)?.[attname] ?? indexes.some((columns) => columns.includes(attname));
        if (viewOf(pgClass)?.required.split(' ').includes(attname)) attribute.notNull = true;
      },
      pgRelations_relation(_info, { relation, pgConstraint }) {
        const referencing = pgConstraint.getClass();
        const indexes = referencing && indexesOf(referencing);
        if (!relation.isReferencee || !indexes) return;
        const columns = pgConstraint.getAttributes()?.map((column) => column.attname) ?? [];
        relation.extensions ??= Object.create(null) as object;
        relation.extensions.isIndexed = indexes.some((index) =>
          columns.every((column) => index.includes(column)),
        );
      },
    },
  },
  schema: {
    entityBehavior: {
      pgCodecAttribute: {
        inferred: {
          after: ['inferred'],
          provides: ['postInferred'],
          callback: (behavior, [codec, column]) => [
            behavior,
            ...(isMetadataOfRuns(codec, column) ? ['attribute:filterBy' as const] : []),
            ...(isWithoutOrder(codec, column) ? ['-orderBy' as const] : []),
          ],
        },
      },
    },
  },
};

/** The tags of runs serve this column, which PostGraphile would not filter as JSON. */
function isMetadataOfRuns({ extensions, name }: PgCodec, column: string): boolean {
  return extensions?.pg?.schemaName === 'howdah' && name === 'executions' && column === 'metadata';
}

function isWithoutOrder({ extensions }: PgCodec, column: string): boolean {
  const { schemaName, name = '' } = extensions?.pg ?? {};
  return Boolean(schemaName === 'howdah' && WITHOUT_ORDER[name]?.includes(column));
}

const isOwn = ({ getNamespace }: PgClass) => getNamespace()?.nspname === 'howdah';
const filterOf = (table: PgClass) => (isOwn(table) ? FILTERS[table.relname] : undefined);
const viewOf = (table: PgClass) => (isOwn(table) ? VIEWS[table.relname] : undefined);

/** Returns the columns of each index. Undefined for a view of other tables. */
function indexesOf(table: PgClass): string[][] | undefined {
  if (table.relkind !== 'r' && table.relkind !== 'p') return viewOf(table)?.indexes;
  return table
    .getIndexes()
    .map((index) => index.getKeys().flatMap((column) => (column ? [column.attname] : [])));
}
