import type pg from 'pg';

type PlanNode = { Plans?: PlanNode[] } & Readonly<Record<string, unknown>>;

/**
 * Returns the number of rows that the statements of `work` handle, with those of the functions and
 * triggers that they call: rows of each plan node, and rows that a filter or a join removes. Unlike
 * time, the number does not depend on the machine. `client` must be in a transaction of a
 * superuser.
 */
export async function countRows(
  client: pg.PoolClient,
  work: () => Promise<unknown>,
): Promise<number> {
  let rows = 0;
  const count = ({ message = '' }: { message?: string | undefined }) => {
    const start = message.indexOf('{');
    if (message.includes('plan:') && start >= 0) {
      rows += rowsOf(JSON.parse(message.slice(start)).Plan);
    }
  };
  await client.query(`
    load 'auto_explain';
    set local auto_explain.log_analyze = on;
    set local auto_explain.log_timing = off;
    set local auto_explain.log_nested_statements = on;
    set local auto_explain.log_format = json;
    set local auto_explain.log_level = notice;
    set local auto_explain.log_min_duration = 0`);
  client.on('notice', count);
  try {
    await work();
  } finally {
    client.off('notice', count);
    await client.query('set local auto_explain.log_min_duration = -1');
  }
  return rows;
}

const COUNTED = ['Actual Rows', 'Rows Removed by Filter', 'Rows Removed by Join Filter'];

function rowsOf(node: PlanNode): number {
  const perLoop = COUNTED.reduce((sum, name) => sum + Number(node[name] ?? 0), 0);
  const below = (node.Plans ?? []).reduce((sum, child) => sum + rowsOf(child), 0);
  return perLoop * Number(node['Actual Loops'] ?? 0) + below;
}
