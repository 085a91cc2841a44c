import { parse } from 'libpg-query';
import type { JsonObject } from '../../../src/json/json.ts';

/**
 * Tables that grow with every run. A statement that touches all of their rows blocks other sessions
 * for its whole duration.
 */
const LARGE = new Set(
  ['executions', 'steps', 'messages', 'questions', 'audit_log', 'webhook_deliveries', 'resources']
    .map((name) => `howdah.${name}`)
    .concat('howdah_private.message_log'),
);

type Node = JsonObject;

/**
 * Returns one sentence for each statement of a migration that takes time in proportion to the size
 * of a large table, or that cannot be analysed. A migration runs in one transaction beside workers,
 * which wait for its locks until it commits.
 */
export async function heavyStatements(up: string): Promise<string[]> {
  const { stmts = [] } = (await parse(up)) as unknown as { stmts?: { stmt: Node }[] };
  return stmts.flatMap(({ stmt }) => {
    const [[kind, content] = []] = Object.entries(stmt) as [string, Node][];
    const read = kind === undefined ? undefined : RULES[kind];
    return read && content ? read(content) : [];
  });
}

const RULES: Readonly<Record<string, (content: Node) => string[]>> = {
  DoStmt: () => ['a do block, which the parser does not look into'],
  IndexStmt: (one) =>
    describeIfLarge(one, (table) => `an index on ${table}, built while writers wait`),
  UpdateStmt: (one) => describeIfLarge(one, (table) => `an update of ${table} in one transaction`),
  DeleteStmt: (one) => describeIfLarge(one, (table) => `a delete from ${table} in one transaction`),
  LockStmt: () => ['a lock that others wait for'],
  TruncateStmt: () => ['a truncate'],
  ClusterStmt: () => ['a table written anew'],
  AlterTableStmt: (one) =>
    describeIfLarge(one, (table) => table).flatMap((table) =>
      ((one.cmds ?? []) as Node[]).flatMap(({ AlterTableCmd }) =>
        describeAlteration(AlterTableCmd as Node).map((words) => `${words} ${table}`),
      ),
    ),
};

function describeIfLarge({ relation }: Node, describe: (table: string) => string): string[] {
  const { schemaname, relname } = (relation ?? {}) as Record<string, string>;
  const table = `${schemaname}.${relname}`;
  return LARGE.has(table) ? [describe(table)] : [];
}

function describeAlteration({ subtype, def, name }: Node): string[] {
  const column = (def as Node | undefined)?.ColumnDef as Node | undefined;
  const constraint = (def as Node | undefined)?.Constraint as Node | undefined;
  switch (subtype) {
    case 'AT_AddColumn':
      return describeAddedColumn(column ?? {});
    case 'AT_AlterColumnType':
      return [`another type for ${name}, which writes anew`];
    case 'AT_SetNotNull':
      return [`not null for ${name}, which looks through`];
    case 'AT_AddConstraint':
      return constraint && constraint.skip_validation !== true && !constraint.indexname
        ? [`the constraint ${constraint.conname ?? ''}, which looks through`]
        : [];
    default:
      return [];
  }
}

/**
 * Describes why adding a column is slow, if it is. A default that is a constant, now() or
 * current_user is fast, because Postgres stores its value once in the catalogue.
 */
function describeAddedColumn({ colname, constraints = [] }: Node): string[] {
  return (constraints as Node[]).flatMap(({ Constraint }) => {
    const { contype, raw_expr } = Constraint as Node;
    if (contype === 'CONSTR_GENERATED' || contype === 'CONSTR_IDENTITY') {
      return [`the computed column ${colname}, which writes anew`];
    }
    if (contype === 'CONSTR_CHECK' || contype === 'CONSTR_FOREIGN' || contype === 'CONSTR_UNIQUE') {
      return [`the constraint of the column ${colname}, which looks through`];
    }
    const isCall = contype === 'CONSTR_DEFAULT' && JSON.stringify(raw_expr).includes('"FuncCall"');
    return isCall ? [`the column ${colname} with a default that is called for each row of`] : [];
  });
}
