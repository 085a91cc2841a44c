import '../../environment.ts';
import 'postgraphile';
import { type PgCodec, PgSelectStep, TYPES } from 'postgraphile/@dataplan/pg';
import {
  type ConnectionStep,
  constant,
  context,
  type FieldArgs,
  lambda,
  SafeError,
  type Step,
} from 'postgraphile/grafast';

/**
 * Orders of whole tables that an index serves only within the rows of a run or session: the fields
 * of a filter that names one.
 */
const INNER_ORDERS: Readonly<Record<string, { pattern: RegExp; filters: readonly string[] }>> = {
  board_entries: { pattern: /^KEY_/, filters: ['rootExecutionId'] },
  chunks: { pattern: /^SEQ_/, filters: ['documentId'] },
  executions: { pattern: /^TURN_/, filters: ['sessionId'] },
  steps: { pattern: /^SEQ_/, filters: ['executionId'] },
  messages: { pattern: /^SEQ_/, filters: ['executionId'] },
  todos: { pattern: /^POSITION_/, filters: ['sessionId'] },
};

/** Tables without an index by tenant: those of a small tenant are found by its runs. */
const LOGS: readonly string[] = ['steps', 'messages'];

type Values = Readonly<Record<string, unknown>> | null | undefined;
type ListArguments = readonly [orderBy: unknown, condition: Values, filter: Values];

/**
 * Lets the planner see which tenant a list is of. Row security calls a function for it, so without
 * a value every tenant counts as an average one, and a small tenant reads the rows of large ones.
 * Also refuses orders of a list that no index serves.
 */
export const LargeListsPlugin: GraphileConfig.Plugin = {
  name: 'HowdahLargeListsPlugin',
  version: '1.0.0',
  schema: {
    hooks: {
      GraphQLObjectType_fields_field(field, build, { scope, Self }) {
        const { plan } = field;
        const resource = scope.pgFieldResource;
        if (!plan || !scope.isPgFieldConnection || !resource || resource.parameters) return field;
        if (!isOwn(resource.codec) || !resource.codec.attributes?.tenant_id) return field;
        const { sql } = build;
        const name = resource.codec.extensions?.pg?.name;
        const table = (Self.name === 'Query' && name) || '';
        return {
          ...field,
          plan($parent, args, info) {
            const $connection = plan($parent, args, info) as ConnectionStep<Step>;
            const $rows = $connection.getSubplan() as unknown;
            if (!($rows instanceof PgSelectStep)) return $connection;
            const $tenant = tenantOf(table, args);
            const tenant = $rows.placeholder($tenant, TYPES.uuid);
            $rows.where(sql`${$rows.alias}.tenant_id = ${tenant}`);
            if (LOGS.includes(table)) {
              const isOfRun = sql`e.tenant_id = ${tenant} and e.id = ${$rows.alias}.execution_id`;
              $rows.where(sql`exists (select from howdah.executions as e where ${isOfRun})`);
            }
            return $connection;
          },
        };
      },
    },
  },
};

function isOwn({ extensions }: PgCodec): boolean {
  return extensions?.pg?.schemaName === 'howdah';
}

/** Returns the tenant of the request, once the order of the list has been checked. */
function tenantOf(table: string, args: FieldArgs): Step {
  const $tenant = (context() as unknown as { get(name: string): Step }).get('tenantId');
  const rule = INNER_ORDERS[table];
  if (!rule) return $tenant;
  const given = ['orderBy', 'condition', 'filter'].map(
    (name) => (args.getRaw(name) as Step | undefined) ?? constant(undefined),
  );
  return lambda([$tenant, ...given], ([tenantId, ...values]) => {
    checkOrder(table, rule, values as unknown as ListArguments);
    return tenantId;
  });
}

/** Throws a SafeError if the first order is one within a run or session that no filter names. */
function checkOrder(
  table: string,
  { pattern, filters }: { pattern: RegExp; filters: readonly string[] },
  [orderBy, condition, filter]: ListArguments,
): void {
  const first = String((Array.isArray(orderBy) ? orderBy[0] : orderBy) ?? '');
  if (!pattern.test(first)) return;
  if (filters.some((name) => condition?.[name] != null || filter?.[name] != null)) return;
  const field = filters.join(' or ');
  throw new SafeError(`${table} can be ordered by ${first} only within one ${field}`, {
    code: 'HWINV',
    hint: `Add condition: {${filters[0]}: …}, or order by PRIMARY_KEY_DESC.`,
    detail: { field: 'orderBy' },
  });
}
