import pg from 'pg';
import { takeRole } from '../../sql/support.ts';
import { RUNS } from './large-tenants.ts';

/** A statement that a server sent, with its values. */
export type Statement = { text: string; values: unknown[]; name?: string | undefined };

/** What the plan of a statement did. */
export type Plan = {
  /** The shared buffers of the whole statement. */
  buffers: number;
  /** The rows and index entries that its scans read, including those that a filter removed. */
  rows: number;
  /** The tables of which a sequential scan read rows. */
  scanned: string[];
};

type Node = {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Loops': number;
  'Actual Rows': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Shared Hit Blocks': number;
  'Shared Read Blocks': number;
  Plans?: Node[];
};

/** Returns the statements on large tables that this process sends during `work`. */
export async function recordStatements(work: () => Promise<unknown>): Promise<Statement[]> {
  const found: Statement[] = [];
  const sent = (pg as unknown as { Query: { prototype: Sent } }).Query.prototype;
  const { submit } = sent;
  sent.submit = function record(connection) {
    const { text = '', values, name } = this;
    if (TABLES.test(text)) found.push({ text, values: values ?? [], name });
    return submit.call(this, connection);
  };
  try {
    await work();
  } finally {
    sent.submit = submit;
  }
  return found;
}

/** A query of node-pg as it sends it. */
type Sent = {
  text?: string;
  values?: unknown[];
  name?: string;
  submit(this: Sent, connection: unknown): unknown;
};
const LARGE = [
  ...['executions', 'steps', 'messages', 'message_log', 'run_tags', 'questions', 'sessions'],
  ...['watched_rows', 'feedback_entries', 'webhook_deliveries', 'inbound_deliveries', 'mail'],
  ...['audit_log', 'resources', 'todos', 'board_entries', 'documents', 'chunks', 'memories'],
  ...['dataset_items', 'evaluation_results', 'grades', 'searches', 'searched_bases'],
];
/** Views of large tables that no other statement of a request reads. */
const LARGE_VIEWS = ['quality_by_day'];
const TABLES = new RegExp(`howdah\\w*\\W+(${[...LARGE, ...LARGE_VIEWS].join('|')})\\b`);
/** A month of a table. On its first days it has few rows, and a scan is the best plan for it. */
const MONTH = /_\d{4}_\d\d$/;
const MOST_ROWS_OF_NEW_MONTH = RUNS / 20;
/** A large table, or one of its months. */
const IS_LARGE = new RegExp(`^(${LARGE.join('|')})`);

/** Runs statements as a role of a tenant, and returns what their plans did together. */
export async function explainAs(
  pool: pg.Pool,
  role: string,
  tenant: string,
  statements: readonly Statement[],
): Promise<Plan> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    await takeRole(client, role, { 'howdah.tenant_id': tenant });
    const plans: Plan[] = [];
    for (const statement of statements) {
      await explain(client, statement); // fills the caches of the functions of row security
      plans.push(await explain(client, statement));
    }
    return {
      buffers: plans.reduce((sum, plan) => sum + plan.buffers, 0),
      rows: plans.reduce((sum, plan) => sum + plan.rows, 0),
      scanned: plans.flatMap((plan) => plan.scanned),
    };
  } finally {
    await client.query('rollback');
    client.release();
  }
}

async function explain(client: pg.PoolClient, { text, values }: Statement): Promise<Plan> {
  const query = text.replace(/^\s*declare \S+ no scroll cursor for/, '');
  const { rows } = await client.query({
    text: `explain (analyze, buffers, timing off, format json) ${query}`,
    values,
  });
  const root: Node = rows[0]['QUERY PLAN'][0].Plan;
  const nodes = nodesOf(root);
  return {
    buffers: root['Shared Hit Blocks'] + root['Shared Read Blocks'],
    rows: Math.round(nodes.reduce((sum, node) => sum + rowsOf(node), 0)),
    scanned: nodes.flatMap((node) => (readsAll(node) ? [node['Relation Name'] ?? ''] : [])),
  };
}

const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** Returns the number of rows that a scan read, or 0 for another node. */
function rowsOf(node: Node): number {
  if (node['Relation Name'] === undefined && node['Index Name'] === undefined) return 0;
  const removed =
    (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0);
  return node['Actual Loops'] * (node['Actual Rows'] + removed);
}

/** Returns whether a node scans a large table, or a month that has had time to become large. */
function readsAll(node: Node): boolean {
  const { 'Node Type': type, 'Relation Name': table = '' } = node;
  const allowed = MONTH.test(table) ? MOST_ROWS_OF_NEW_MONTH : 0;
  return type === 'Seq Scan' && IS_LARGE.test(table) && rowsOf(node) > allowed;
}
