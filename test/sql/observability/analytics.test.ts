import { readFileSync } from 'node:fs';
import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { asRole, makeAgent, makeModel, makeTenant, one, rolledBack } from '../support.ts';

// Checks the figures of the views, and of the queries in docs/analytics.md, against results that
// were calculated by hand.

type Step = [
  kind: string,
  name: string,
  seconds: number,
  tokens_in?: number,
  tokens_out?: number,
  error?: string,
];

type Run = {
  agent: string;
  at: string;
  status: 'completed' | 'failed' | 'cancelled' | 'queued';
  seconds?: number;
  steps: Step[];
};

/** Prices per million tokens. */
const PRICES: Record<string, [input: number, output: number]> = { small: [2, 8], large: [10, 40] };

/** Runs of the first version of `desk`, except the fork. */
const FIRST: Run[] = [
  {
    agent: 'desk', // costs 0.0042
    at: '2026-03-01T23:30:00Z',
    status: 'completed',
    seconds: 10,
    steps: [
      ['model', 'small', 2, 1000, 100],
      ['tool', 'lookup', 1],
      ['model', 'small', 1, 500, 50],
      ['output', '', 0],
    ],
  },
  {
    agent: 'desk', // costs 0.0028
    at: '2026-03-02T08:00:00Z',
    status: 'failed',
    seconds: 20,
    steps: [
      ['retry', 'small', 1, 0, 0, 'overloaded'],
      ['model', 'small', 3, 1000, 100],
      ['tool', 'lookup', 5, 0, 0, 'timeout'],
      ['error', '', 0, 0, 0, 'provider'],
    ],
  },
  {
    agent: 'desk', // costs 0.00056
    at: '2026-03-02T09:00:00Z',
    status: 'cancelled',
    seconds: 30,
    steps: [['model', 'small', 4, 200, 20]],
  },
];

const SECOND: Run[] = [
  {
    agent: 'desk', // the second version; costs 0.014
    at: '2026-03-02T10:00:00Z',
    status: 'completed',
    seconds: 40,
    steps: [
      ['model', 'large', 6, 1000, 100],
      ['output', '', 0],
    ],
  },
  { agent: 'desk', at: '2026-03-02T13:00:00Z', status: 'queued', steps: [] },
  {
    agent: 'clerk', // costs 0.028
    at: '2026-03-02T12:00:00Z',
    status: 'completed',
    seconds: 5,
    steps: [
      ['model', 'large', 4, 2000, 200],
      ['output', '', 0],
    ],
  },
];

/** The fork of the first run after its first two steps; costs 0.00028. */
const FORK: Run = {
  agent: 'desk',
  at: '2026-03-02T11:00:00Z',
  status: 'completed',
  seconds: 50,
  steps: [
    ['model', 'small', 2, 100, 10],
    ['output', '', 0],
  ],
};

/** A run of another tenant with the same names of agent and model; costs 0.00028. */
const FOREIGN: Run = {
  agent: 'desk',
  at: '2026-03-02T12:00:00Z',
  status: 'completed',
  seconds: 7,
  steps: [['model', 'small', 7, 100, 10]],
};

const db = testDatabase({ violates: true }); // writes runs and steps by hand
let tenant_id: string;

beforeAll(async () => {
  ({ id: tenant_id } = await one(db.pool, `select id from howdah.tenants where slug = 'default'`));
  // Runs with given times end without having run.
  await db.pool.query('alter table howdah.executions disable trigger _200_check_move');
  const foreign = await makeTenant(db.pool, 'foreign');
  for (const tenant of [tenant_id, foreign]) {
    for (const [name, [input_price, output_price]] of Object.entries(PRICES)) {
      await makeModel(db.pool, { tenant_id: tenant, name, input_price, output_price });
    }
    await makeAgent(db.pool, { tenant_id: tenant, name: 'desk' });
    await makeAgent(db.pool, { tenant_id: tenant, name: 'clerk' });
  }
  const first = [];
  for (const run of FIRST) first.push(await insertRun(tenant_id, run));
  const fork = await one(db.pool, 'select id from howdah.fork_execution($1, 2)', [first[0]]);
  await insertSteps(tenant_id, fork.id, FORK, 4);
  await settle(fork.id, FORK);
  await db.pool.query(
    `update howdah.agents set instruction = 'Be kind.' where name = 'desk' and tenant_id = $1`,
    [tenant_id],
  );
  for (const run of SECOND) await insertRun(tenant_id, run);
  await insertRun(foreign, FOREIGN);
});

async function insertRun(tenant: string, run: Run): Promise<string> {
  const { id } = await one(
    db.pool,
    `insert into howdah.executions (tenant_id, agent_id, input)
     select a.tenant_id, a.id, 'Hello' from howdah.agents as a where a.tenant_id = $1 and a.name = $2
     returning id`,
    [tenant, run.agent],
  );
  await insertSteps(tenant, id, run, 1);
  await settle(id, run);
  return id;
}

async function insertSteps(tenant: string, id: string, run: Run, from: number): Promise<void> {
  for (const [index, [kind, name, seconds, input = 0, output = 0, error]] of run.steps.entries()) {
    await db.pool.query(
      `insert into howdah.steps (execution_id, seq, tenant_id, kind, name, error, model_id, tokens_in, tokens_out, cost,
         started_at, finished_at)
       select $1, $2, $3, $4, nullif($5, ''), $6, m.id, $7::int, $8::int,
         coalesce(trim_scale(($7::int * m.input_price + $8::int * m.output_price) / 1e6), 0), $9, $9::timestamptz + $10 * interval '1 s'
       from (select) as nothing left join howdah.models as m on m.tenant_id = $3 and m.name = $5`,
      [
        id,
        from + index,
        tenant,
        kind,
        name,
        error ? { code: error, message: error } : null,
        input,
        output,
        run.at,
        seconds,
      ],
    );
  }
}

/** Sets the columns of a run from its steps, and its times. */
async function settle(id: string, { at, status, seconds }: Run): Promise<void> {
  await db.pool.query(
    `update howdah.executions as e set created_at = $2::timestamptz, status = $3::text::howdah.execution_status,
       started_at = case when $4::int is not null then $2::timestamptz end,
       completed_at = $2::timestamptz + $4::int * interval '1 s',
       stop_reason = ($5::jsonb ->> $3::text)::howdah.stop_reason, output = case $3::text when 'completed' then 'Well.' end, error = case $3::text when 'failed' then '{"code": "provider"}'::jsonb end,
       step_count = s.steps, tokens_in = s.tokens_in, tokens_out = s.tokens_out, cost = s.cost
     from (
       select count(*) as steps, coalesce(sum(tokens_in), 0) as tokens_in, coalesce(sum(tokens_out), 0) as tokens_out,
         coalesce(sum(cost), 0) as cost from howdah.steps where execution_id = $1
     ) as s
     where e.id = $1`,
    [
      id,
      at,
      status,
      seconds,
      { completed: 'final_answer', failed: 'error', cancelled: 'cancelled' },
    ],
  );
}

/** Runs a query as an analyst of the default tenant. */
const asAnalyst = (text: string) =>
  asRole(db.pool, 'howdah_analyst', { 'howdah.tenant_id': tenant_id }, (client) =>
    printed(client, text),
  );

/** Returns the rows of a query with their values as Postgres prints them. */
async function printed(client: Pick<pg.ClientBase, 'query'>, text: string) {
  const types = { getTypeParser: () => (value: unknown) => value };
  return (await client.query<Record<string, string | null>>({ text, types })).rows;
}

/** Formats rows as text, as psql -At does. */
const lines = (rows: Record<string, string | null>[]) =>
  rows.map((row) =>
    Object.values(row)
      .map((value) => value ?? '')
      .join(' | '),
  );

describe('views compared with sums computed by hand', () => {
  test('agent_performance matches', async () => {
    const rows = await asAnalyst(
      `select agent, version, runs, completed, failed, cancelled, success_rate, steps_per_run, tokens_in, tokens_out, cost::float,
         seconds_p50, round(seconds_p95::numeric, 6)::float as p95, round(seconds_p99::numeric, 6)::float as p99
       from howdah.agent_performance order by agent, version`,
    );
    expect(lines(rows)).toEqual([
      'clerk | 1 | 1 | 1 | 0 | 0 | 1.0000 | 2.00 | 2000 | 200 | 0.028 | 5 | 5 | 5',
      'desk | 1 | 4 | 2 | 1 | 1 | 0.5000 | 3.00 | 2800 | 280 | 0.00784 | 25 | 47 | 49.4',
      'desk | 2 | 2 | 1 | 0 | 0 | 1.0000 | 1.00 | 1000 | 100 | 0.014 | 40 | 40 | 40',
    ]);
  });

  const DAYS = `select to_char(day, 'MM-DD') as day, agent, runs, completed, failed, success_rate, steps, tokens_in, tokens_out,
      cost::float, seconds_p50, round(seconds_p95::numeric, 6)::float as p95
    from howdah.daily_usage order by day, agent`;

  test('daily_usage matches in any session time zone', async () => {
    const expected = [
      '03-01 | desk | 1 | 1 | 0 | 1.0000 | 4 | 1500 | 150 | 0.0042 | 10 | 10',
      '03-02 | clerk | 1 | 1 | 0 | 1.0000 | 2 | 2000 | 200 | 0.028 | 5 | 5',
      '03-02 | desk | 5 | 2 | 1 | 0.5000 | 10 | 2300 | 230 | 0.01764 | 35 | 48.5',
    ];
    for (const zone of ['UTC', 'Asia/Tokyo', 'America/New_York']) {
      const rows = await rolledBack(db.pool, async (client) => {
        await client.query(`set local timezone = '${zone}'; set local role howdah_analyst`);
        return printed(client, DAYS);
      });
      expect(lines(rows)).toEqual(expected);
    }
  });

  test('model_usage counts answers that a fork shares with its original once', async () => {
    const rows = await asAnalyst(
      `select model, answers, failed_attempts, success_rate, tokens_in, tokens_out, cost::float, seconds_p50,
         round(seconds_p95::numeric, 6)::float as p95, round(seconds_p99::numeric, 6)::float as p99
       from howdah.model_usage order by model`,
    );
    expect(lines(rows)).toEqual([
      'large | 2 | 0 | 1.0000 | 3000 | 300 | 0.042 | 5 | 5.9 | 5.98',
      'small | 5 | 1 | 0.8333 | 2800 | 280 | 0.00784 | 2 | 3.8 | 3.96',
    ]);
  });

  test('tool_performance matches', async () => {
    const rows = await asAnalyst(
      `select tool, calls, errors, success_rate, seconds_p50, round(seconds_p95::numeric, 6)::float as p95
       from howdah.tool_performance`,
    );
    expect(lines(rows)).toEqual(['lookup | 2 | 1 | 0.5000 | 3 | 4.8']);
  });

  test('durations have four decimals, a tenth of a millisecond', async () => {
    const durations = await rolledBack(db.pool, async (client) => {
      await client.query(
        'update howdah_private.usage_events set micros = 333333 where micros is not null',
      );
      const { rows } = await client.query(
        `select distinct p95::text from (select seconds_p95 as p95 from howdah.agent_performance
         union all select seconds_p95 from howdah.daily_usage) as all_views where p95 is not null`,
      );
      return rows;
    });
    expect(durations).toEqual([{ p95: '0.3333' }]);
  });

  test('each view sums to the same cost as the runs', async () => {
    const [sums] = await asAnalyst(`select
      (select sum(cost) from howdah.executions) as runs, (select sum(cost) from howdah.agent_performance) as agents,
      (select sum(cost) from howdah.daily_usage) as days, (select sum(cost) from howdah.model_usage) as models`);
    expect(new Set(Object.values(sums ?? {}).map(Number))).toEqual(new Set([0.04984]));
  });
});

describe('docs/analytics.md', () => {
  const page = readFileSync(new URL('../../../docs/analytics.md', import.meta.url), 'utf8');
  const part = page.split('## Ten questions')[1]?.split('## More questions')[0] ?? '';
  const queries = [...part.matchAll(/^([^\n]*\S)\n\n```sql\n([\s\S]*?)^```/gm)].map(
    ([, question = '', text = '']) => [question.split('?')[0] ?? '', text] as const,
  );

  /** Expected results of the queries, in the order of the page. */
  const ANSWERS: string[][] = [
    [
      'clerk | 1 | 1 | 1.0000 | 0.028000 | 5.0',
      'desk | 1 | 4 | 0.5000 | 0.001960 | 47.0',
      'desk | 2 | 2 | 1.0000 | 0.007000 | 40.0',
    ],
    ['2026-03-01 | 1 | 1650 | 0.0042', '2026-03-02 | 6 | 4730 | 0.04564'],
    ['large | 2 | 0 | 1.0000 | 21.0000 | 5.0 | 0', 'small | 5 | 1 | 0.8333 | 1.5680 | 2.0 | 0'],
    ['default | 7 | 0.04984'],
    ['lookup | 2 | 1 | 0.5000 | 4.8 | 0'],
    [
      '2026-03-02 | clerk | 1.0000 | ',
      '2026-03-01 | desk | 1.0000 | ',
      '2026-03-02 | desk | 0.5000 | -0.5000',
    ],
    [
      'clerk | completed | 2200 | 0.028',
      'desk | completed | 1100 | 0.014',
      'desk | completed | 1650 | 0.0042',
    ],
    ['desk | error | provider | 1'],
    [
      'desk | model | 6 | 18.0',
      'desk | tool | 2 | 6.0',
      'clerk | model | 1 | 4.0',
      'desk | retry | 1 | 1.0',
    ],
    ['6 | 25.0 | 47.5'],
  ];

  test('contains ten queries', () => expect(queries).toHaveLength(10));

  test.each(queries.map(([question, text], at) => [question, text, ANSWERS[at]] as const))(
    '%s?',
    async (_question, text, answer) => expect(lines(await asAnalyst(text))).toEqual(answer),
  );

  const more = page.split('## More questions')[1]?.split('## In psql')[0] ?? '';

  test('an analyst may run the other queries too', async () => {
    const texts = [...more.matchAll(/^```sql\n([\s\S]*?)^```/gm)].map(([, text = '']) => text);
    expect(texts.length).toBeGreaterThanOrEqual(5);
    for (const text of texts) await asAnalyst(text);
  });

  test('an owner sees all tenants with the same query', async () => {
    expect(
      lines(await rolledBack(db.pool, (client) => printed(client, queries[3]?.[1] ?? ''))),
    ).toEqual(['default | 7 | 0.04984', 'foreign | 1 | 0.00028']);
  });

  test('an analyst cannot write', async () => {
    for (const text of [
      `insert into howdah.executions (agent_id, input) values (howdah.agent('desk'), 'x')`,
      'delete from howdah.steps',
      `update howdah.agents set name = 'x'`,
    ]) {
      await expect(asAnalyst(text)).rejects.toMatchObject({ code: '42501' });
    }
  });
});
