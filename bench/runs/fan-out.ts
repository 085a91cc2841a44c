import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { type Figure, figure } from '../figures.ts';
import { openServerMeter, SERVER_CPU_NOT_MEASURED } from '../meters/server-meter.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchServer } from '../server.ts';

const COUNTS = [250, 1_000, 2_000] as const;
const CONCURRENCY = 100;

/** Milliseconds from before the insert of the parent, and microseconds of CPU per child. */
type Measured = { firstMs: number; allMs: number; serverUs: number; workerUs: number };

/** Inserts a run that starts `children` child runs in one step. Returns its id. */
type InsertParent = (pool: pg.Pool, children: number) => Promise<string>;

/** Inserts a run of a workflow that passes all items of a list to an agent at once. */
const insertMap: InsertParent = async (pool, children) => {
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

/** Inserts a run of an agent that calls another agent `children` times in one model response. */
const insertCalls: InsertParent = async (pool, children) => {
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

const KINDS: Record<string, InsertParent> = { map: insertMap, calls: insertCalls };

/**
 * Runs a run that starts many children in one step. Measures the time until the first child calls
 * its model, the time until the run and all children have ended, and the CPU per child.
 */
export const fanOut: Bench = async ({ server, rounds, talk }) => {
  if (server.postmaster === undefined) talk(SERVER_CPU_NOT_MEASURED);
  const byName = new Map<string, Measured[]>();
  for (let round = 1; round <= rounds(3); round += 1) {
    for (const kind of Object.keys(KINDS)) {
      for (const [children, measured] of await measureKind(server, KINDS[kind] as InsertParent)) {
        const name = `${kind}_${children}`;
        byName.set(name, [...(byName.get(name) ?? []), measured]);
        talk(`${name}: ${JSON.stringify(measured)}`);
      }
    }
  }
  return [...byName].flatMap(([name, measured]) => figuresOf(name, measured));
};

function figuresOf(prefix: string, measured: readonly Measured[]): Figure[] {
  const values = (name: keyof Measured) => measured.map((round) => round[name]);
  return [
    figure('fan-out', `fan_out_${prefix}_first_ms`, values('firstMs'), 'ms'),
    figure('fan-out', `fan_out_${prefix}_all_ms`, values('allMs'), 'ms'),
    figure('fan-out', `fan_out_${prefix}_server_cpu_us_per_child`, values('serverUs'), 'µs'),
    figure('fan-out', `fan_out_${prefix}_worker_cpu_us_per_child`, values('workerUs'), 'µs'),
  ];
}

async function measureKind(
  server: BenchServer,
  insertParent: InsertParent,
): Promise<Map<number, Measured>> {
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
    await waitForEnd(meter.client, await insertParent(database.pool, 100)); // warms up
    for (const children of COUNTS) {
      const [serverUs, { user, system }] = [meter.cpuUs(), process.cpuUsage()];
      const start = performance.now();
      let firstMs = Number.NaN;
      onChild = () => {
        if (Number.isNaN(firstMs)) firstMs = performance.now() - start;
      };
      await waitForEnd(meter.client, await insertParent(database.pool, children));
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
