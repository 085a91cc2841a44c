import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import { type Figure, figure } from '../figures.ts';
import type { BenchServer } from '../server.ts';
import { SERVER_CPU_NOT_MEASURED, openServerMeter } from '../meters/server-meter.ts';

const COUNTS = [250, 1_000, 2_000] as const;
const CONCURRENCY = 100;

/** Times in milliseconds from before the insert of the parent; CPU in microseconds for each child. */
type Measured = { firstMs: number; allMs: number; serverUs: number; workerUs: number };

/** Inserts a run that begins as many children in one step. Returns its id. */
type Begin = (pool: pg.Pool, children: number) => Promise<string>;

/** A workflow gives each item of a list to an agent, all at once. */
const beginMap: Begin = async (pool, children) => {
  const { rows } = await pool.query(
    `with workflow as (
       insert into howdah.workflows (name, type, configuration)
       values ('fan_out_' || $1::int, 'map', jsonb_build_object('max_concurrency', $1::int))
       returning id
     ), member as (
       insert into howdah.workflow_agents (workflow_id, agent_id, sequence_order)
       select w.id, howdah.agent('bench'), 1 from workflow as w returning workflow_id
     )
     select workflow_id as id from member`,
    [children],
  );
  const items = Array.from({ length: children }, (_, at) => `item ${at}`);
  const inserted = await pool.query(
    `insert into howdah.executions (workflow_id, input, input_data) values ($1, '0', $2) returning id`,
    [rows[0].id, JSON.stringify(items)],
  );
  return inserted.rows[0].id;
};

/** An agent calls another one as often in a single answer. */
const beginCalls: Begin = async (pool, children) => {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input) values (howdah.agent('caller'), $1) returning id`,
    [`${children} children`],
  );
  return rows[0].id;
};

const CALLER = `
  insert into howdah.tools (name, description, kind, agent_id, parameters)
  select 'ask_bench', 'Asks another agent.', 'agent', howdah.agent('bench'),
    '{"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}';
  insert into howdah.agents (name, instruction, max_steps) values ('caller', 'Ask.', 100000);
  insert into howdah.agent_tools (agent_id, tool_id)
  select howdah.agent('caller'), id from howdah.tools where name = 'ask_bench'`;

const KINDS: Record<string, Begin> = { map: beginMap, calls: beginCalls };

/**
 * A run that begins many children in one step: until the first of them asks its model, until all
 * have ended and the run with them, and CPU for each child.
 */
export const fanOut: Bench = async ({ server, rounds, talk }) => {
  if (server.postmaster === undefined) talk(SERVER_CPU_NOT_MEASURED);
  const found = new Map<string, Measured[]>();
  for (let round = 1; round <= rounds(3); round += 1) {
    for (const kind of Object.keys(KINDS)) {
      for (const [children, measured] of await measureKind(server, KINDS[kind] as Begin)) {
        const name = `${kind}_${children}`;
        found.set(name, [...(found.get(name) ?? []), measured]);
        talk(`${name}: ${JSON.stringify(measured)}`);
      }
    }
  }
  return [...found].flatMap(([name, measured]) => figuresOf(name, measured));
};

function figuresOf(name: string, measured: readonly Measured[]): Figure[] {
  const of = (what: keyof Measured) => measured.map((one) => one[what]);
  return [
    figure('fan-out', `fan_out_${name}_first_ms`, of('firstMs'), 'ms'),
    figure('fan-out', `fan_out_${name}_all_ms`, of('allMs'), 'ms'),
    figure('fan-out', `fan_out_${name}_server_cpu_us_per_child`, of('serverUs'), 'µs'),
    figure('fan-out', `fan_out_${name}_worker_cpu_us_per_child`, of('workerUs'), 'µs'),
  ];
}

async function measureKind(server: BenchServer, begin: Begin): Promise<Map<number, Measured>> {
  const database = await server.createDatabase();
  const meter = await openServerMeter(server, database);
  let onChild: () => void = () => {};
  const worker = await startEngine({
    url: database.url,
    concurrency: CONCURRENCY,
    firstCalls: (input) => (input.endsWith('children') ? callsOf(input) : undefined),
    onModelCall: (input) => (input.endsWith('children') ? undefined : onChild()),
  });
  const measured = new Map<number, Measured>();
  try {
    await database.pool.query(BENCH_AGENT);
    await database.pool.query(CALLER);
    await waitForEnd(meter.client, await begin(database.pool, 100)); // warms up
    for (const children of COUNTS) {
      const [serverUs, { user, system }] = [meter.cpuUs(), process.cpuUsage()];
      const start = performance.now();
      let firstMs = Number.NaN;
      onChild = () => {
        if (Number.isNaN(firstMs)) firstMs = performance.now() - start;
      };
      await waitForEnd(meter.client, await begin(database.pool, children));
      const cpu = process.cpuUsage({ user, system });
      measured.set(children, {
        firstMs,
        allMs: performance.now() - start,
        serverUs: (meter.cpuUs() - serverUs) / children,
        workerUs: (cpu.user + cpu.system) / children,
      });
    }
    return measured;
  } finally {
    await worker.stop(0);
    await meter.close();
    await database.drop();
  }
}

const callsOf = (input: string) =>
  Array.from({ length: Number.parseInt(input, 10) }, (_, at) => ({
    id: `call_${at}`,
    name: 'ask_bench',
    arguments: JSON.stringify({ message: `item ${at}` }),
  }));

async function waitForEnd(client: pg.Client, id: string): Promise<void> {
  for (;;) {
    const { rows } = await client.query(
      'select status, error from howdah.executions where id = $1 and completed_at is not null',
      [id],
    );
    if (rows[0] && rows[0].status !== 'completed') throw new Error(JSON.stringify(rows[0]));
    if (rows[0]) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
