import type pg from 'pg';

/** What a call of the database cost. */
export type Cost = {
  call: string;
  /** Pages looked at, those of everything it calls included; of several calls the least, since the first fills caches. */
  pages: number;
  /** Tables that it read whole. */
  wholeReads: string[];
};

type Client = Pick<pg.ClientBase, 'query'>;

/** What a worker asks while it claims: named as the functions are, for the tenant whose queue is long. For few tenants. */
export async function claimingCalls(client: Client, busy: string): Promise<Map<string, string>> {
  const { rows } = await client.query(
    `select array(select t.id from howdah.tenants as t order by t.id) as tenants,
       (select e.id from howdah.executions as e where e.status = 'queued' and e.tenant_id = $1 order by e.id limit 1) as first,
       (select e.id from howdah.executions as e where e.status = 'queued' and e.tenant_id = $1 order by e.id desc limit 1) as last,
       (select w.id from howdah_private.workers as w limit 1) as worker`,
    [busy],
  );
  const { tenants, first, last, worker } = rows[0];
  const all = `'{${tenants.join()}}'::uuid[]`;
  const calls = new Map([
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
  ]);
  for (const [place, tenant] of tenants.entries()) {
    calls.set(
      `other_tenants_queued of ${place + 1}`,
      `select howdah_private.other_tenants_queued('${tenant}')`,
    );
  }
  return calls;
}

/** Makes each call in a transaction that is rolled back, three times. */
export async function costsOf(client: Client, calls: ReadonlyMap<string, string>): Promise<Cost[]> {
  const costs: Cost[] = [];
  for (const [call, text] of calls) {
    const found = [await once(client, text), await once(client, text), await once(client, text)];
    const least = Math.min(...found.map(({ pages }) => pages));
    costs.push({ call, pages: least, wholeReads: found.at(-1)?.wholeReads ?? [] });
  }
  return costs;
}

const WHOLE_READS = `select coalesce(jsonb_object_agg(t.relname, t.seq_scan), '{}') as scans from pg_stat_xact_user_tables as t
  where t.relname ~ '^(executions_|_private_jobs$)'`;

async function once(client: Client, text: string): Promise<Omit<Cost, 'call'>> {
  await client.query('begin');
  try {
    const before = (await client.query(WHOLE_READS)).rows[0].scans;
    const { rows } = await client.query(`explain (analyze, buffers, format json) ${text}`);
    const plan = rows[0]['QUERY PLAN'][0].Plan;
    const after = (await client.query(WHOLE_READS)).rows[0].scans;
    return {
      pages: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
      wholeReads: Object.keys(after).filter((table) => after[table] > (before[table] ?? 0)),
    };
  } finally {
    await client.query('rollback');
  }
}
