import type pg from 'pg';

/** Cost of one statement in the database. */
export type Cost = {
  /** Name of the statement, which is that of the function it calls. */
  call: string;
  /**
   * Pages read, including those of the functions inside. The least of several executions counts,
   * because the first one fills caches.
   */
  pages: number;
  /** Tables that were scanned sequentially. */
  sequentialScans: string[];
};

type Client = Pick<pg.ClientBase, 'query'>;

/**
 * Returns the statements that a worker executes to claim runs, by name. They are about the tenant
 * `busy`, whose queue is long. There is one statement for each tenant, so there should be few.
 */
export async function claimStatements(client: Client, busy: string): Promise<Map<string, string>> {
  const { rows } = await client.query(
    `select array(select t.id from howdah.tenants as t order by t.id) as tenants,
       (select e.id from howdah.executions as e
        where e.status = 'queued' and e.tenant_id = $1 order by e.id limit 1) as first,
       (select e.id from howdah.executions as e
        where e.status = 'queued' and e.tenant_id = $1 order by e.id desc limit 1) as last,
       (select w.id from howdah_private.workers as w limit 1) as worker`,
    [busy],
  );
  const { tenants, first, last, worker } = rows[0];
  const all = `'{${tenants.join()}}'::uuid[]`;
  const statements: [name: string, text: string][] = [
    ['due_tenants_after', `select * from howdah_private.due_tenants_after(null)`],
    [
      'due_runs',
      `select * from howdah_private.due_runs('${busy}', 0::smallint, 1, array['${first}'::uuid])`,
    ],
    ['runs_at_work', `select howdah_private.runs_at_work(${all})`],
    [
      'swap_for_fair_share',
      `select * from howdah_private.swap_for_fair_share('{${first}}', '${busy}')`,
    ],
    [
      'swap_for_fair_share of the last',
      `select * from howdah_private.swap_for_fair_share('{${last}}', null)`,
    ],
    ['claim_backlog', `select howdah_private.claim_backlog('${busy}', 20, '{${first}}')`],
    ['shares', `select * from howdah_private.shares('${busy}', ${all})`],
    [
      'claim_executions',
      `select * from howdah_private.claim_executions('${worker}', '{${first}}', 1, '${busy}', 20)`,
    ],
    [
      'claim_executions of the last',
      `select * from howdah_private.claim_executions('${worker}', '{${last}}', 1, '${busy}')`,
    ],
    ...tenants.map((tenant: string, index: number): [string, string] => [
      `other_tenants_queued of ${index + 1}`,
      `select howdah_private.other_tenants_queued('${tenant}')`,
    ]),
  ];
  return new Map(statements);
}

/** Measures each statement three times, in transactions that are rolled back. */
export async function measureCosts(
  client: Client,
  statements: ReadonlyMap<string, string>,
): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (const [call, text] of statements) {
    const measured = [
      await measureOnce(client, text),
      await measureOnce(client, text),
      await measureOnce(client, text),
    ];
    const pages = Math.min(...measured.map((one) => one.pages));
    costs.push({ call, pages, sequentialScans: measured.at(-1)?.sequentialScans ?? [] });
  }
  return costs;
}

/** Counts the sequential scans of this transaction, by table. */
const SEQUENTIAL_SCANS = `
  select coalesce(jsonb_object_agg(t.relname, t.seq_scan), '{}') as scans
  from pg_stat_xact_user_tables as t
  where t.relname ~ '^(executions_|_private_jobs$)'`;

async function measureOnce(client: Client, text: string): Promise<Omit<Cost, 'call'>> {
  await client.query('begin');
  try {
    const before = (await client.query(SEQUENTIAL_SCANS)).rows[0].scans;
    const { rows } = await client.query(`explain (analyze, buffers, format json) ${text}`);
    const plan = rows[0]['QUERY PLAN'][0].Plan;
    const after = (await client.query(SEQUENTIAL_SCANS)).rows[0].scans;
    return {
      pages: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
      sequentialScans: Object.keys(after).filter((table) => after[table] > (before[table] ?? 0)),
    };
  } finally {
    await client.query('rollback');
  }
}
