import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SignJWT } from 'jose';
import { type Bound, type Figure, figure, median } from '../../bench/figures.ts';
import type { BenchDatabase } from '../../bench/server.ts';
import { type CellMap, startRouter } from '../../examples/cells/router.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';
import type { RehearsalOptions } from './support/rehearsal.ts';

export const title =
  'kills one of two cells behind a router, restarts it, adds a third, and checks the other tenants';

export const usage = `  --seconds N   duration of each state (5)`;

type Tenant = { id: string; token: string; cell: Cell; completed: number };
type Cell = { name: string; database: BenchDatabase; process: ChildProcess; url: string };
type Requests = { ok: number; failed: number; ms: number[] };

const SECRET = randomBytes(48).toString('base64');
/** Clients of each tenant. */
const CLIENTS = 2;
/** Pause of a client after a failed request. */
const PAUSE_MS = 100;

/** Starts two cells with two tenants each, and walks through the states of `title`. */
export async function run({ argv, server, log }: RehearsalOptions): Promise<Figure[]> {
  const { values } = parseArgs({
    args: [...argv],
    options: { seconds: { type: 'string', default: '5' } },
  });
  const site = await createSite(server, Number(values.seconds) * 1_000);
  try {
    log('starting cells one and two, with two tenants each');
    const [one, two] = [await site.addCell('one'), await site.addCell('two')];
    const first = [await site.addTenant(one, 'a'), await site.addTenant(one, 'b')];
    const second = [await site.addTenant(two, 'c'), await site.addTenant(two, 'd')];
    return [
      ...(await measureThroughput(site, first, second)),
      ...(await killAndRestart(site, log, first, second, two)),
      ...(await addThirdCell(site, log, [...first, ...second])),
      ...(await checkDatabases(site)),
    ];
  } finally {
    await site.remove();
  }
}

/** Cells and tenants of the rehearsal, and the router in front of them. */
type Site = {
  /** Duration of each state. */
  ms: number;
  cells: Cell[];
  tenants: Tenant[];
  addCell(name: string): Promise<Cell>;
  addTenant(cell: Cell, slug: string): Promise<Tenant>;
  /** Starts the processes of a killed cell again. */
  restart(cell: Cell): Promise<void>;
  /** Sends requests of tenants through the router. Each client sends at least one. */
  load(tenants: readonly Tenant[], duration?: number): Promise<Requests>;
  remove(): Promise<void>;
};

async function createSite(server: RehearsalOptions['server'], ms: number): Promise<Site> {
  const home = mkdtempSync(join(tmpdir(), 'howdah-cells-'));
  const map: CellMap = { cells: {}, tenants: {} };
  const cells: Cell[] = [];
  const tenants: Tenant[] = [];
  const router = await startRouter(() => map);
  return {
    ...{ ms, cells, tenants },
    async addCell(name) {
      const database = await (await server()).createEmptyDatabase();
      const cell = { name, database, ...(await startCell(database.url, home)) };
      cells.push(cell);
      map.cells[name] = cell.url;
      return cell;
    },
    async addTenant(cell, slug) {
      const tenant = await createTenant(cell, slug);
      map.tenants[tenant.id] = cell.name;
      tenants.push(tenant);
      return tenant;
    },
    async restart(cell) {
      Object.assign(cell, await startCell(cell.database.url, home));
      map.cells[cell.name] = cell.url;
    },
    load: async (some, duration = ms) =>
      addUp(await Promise.all(some.map((tenant) => sendRequests(router.url, tenant, duration)))),
    async remove() {
      await router.close();
      await Promise.all(cells.map((cell) => kill(cell)));
      for (const { database } of cells) await database.drop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Compares the load of one cell with that of both. */
async function measureThroughput(
  site: Site,
  first: readonly Tenant[],
  second: readonly Tenant[],
): Promise<Figure[]> {
  const alone = await site.load(first);
  const both = await site.load([...first, ...second]);
  return [
    cellFigure('runs_per_s_one_cell', perSecond(alone, site.ms), 'runs/s'),
    cellFigure('runs_per_s_two_cells', perSecond(both, site.ms), 'runs/s'),
    cellFigure('answer_ms_p50', median(both.ms), 'ms'),
    cellFigure('failed_while_all_are_up', alone.failed + both.failed, 'runs', { atMost: 0 }),
  ];
}

/** Kills the second cell under load, and restarts it. */
async function killAndRestart(
  site: Site,
  log: (line: string) => void,
  first: readonly Tenant[],
  second: readonly Tenant[],
  cell: Cell,
): Promise<Figure[]> {
  log('killing cell two');
  await kill(cell);
  const [others, affected] = await Promise.all([site.load(first), site.load(second, site.ms / 2)]);

  log('restarting cell two');
  const startedAt = performance.now();
  await site.restart(cell);
  const after = await site.load(second.slice(0, 1), 1);
  const seconds = (performance.now() - startedAt) / 1_000;
  return [
    cellFigure('failed_of_others_while_one_is_down', others.failed, 'runs', { atMost: 0 }),
    cellFigure('answers_of_the_cell_that_is_down', affected.ok, 'runs', { atMost: 0 }),
    cellFigure('refused_at_once_ms_p50', median(affected.ms), 'ms', { atMost: 1_000 }),
    cellFigure('down_cell_back_s', seconds, 's'),
    cellFigure('failed_after_it_is_back', after.failed, 'runs', { atMost: 0 }),
  ];
}

/** Adds a cell with one tenant under the load of the others. */
async function addThirdCell(
  site: Site,
  log: (line: string) => void,
  others: readonly Tenant[],
): Promise<Figure[]> {
  log('adding a third cell under load');
  const loading = site.load(others);
  const startedAt = performance.now();
  const tenant = await site.addTenant(await site.addCell('three'), 'e');
  const first = await site.load([tenant], 1);
  const seconds = (performance.now() - startedAt) / 1_000;
  const during = await loading;
  return [
    cellFigure('cell_added_s', seconds, 's'),
    cellFigure('failed_while_a_cell_is_added', during.failed + first.failed, 'runs', { atMost: 0 }),
  ];
}

/** Checks that each run is in the cell of its tenant, has completed, and keeps all promises. */
async function checkDatabases({ cells, tenants }: Site): Promise<Figure[]> {
  let [misplaced, violations, unfinished] = [0, 0, 0];
  for (const { database, ...cell } of cells) {
    const { rows } = await database.pool.query(
      `select e.tenant_id, count(*)::int as runs,
         count(*) filter (where e.status <> 'completed')::int as unfinished
       from howdah.executions as e group by e.tenant_id`,
    );
    for (const row of rows) {
      const tenant = tenants.find(({ id }) => id === row.tenant_id);
      const isAtHome = tenant?.cell.name === cell.name;
      misplaced += isAtHome ? Math.max(0, tenant.completed - row.runs) : row.runs;
      unfinished += row.unfinished;
    }
    violations += (await database.pool.query('select from howdah.violations')).rowCount ?? 0;
  }
  return [
    cellFigure('runs_in_another_cell', misplaced, 'runs', { atMost: 0 }),
    cellFigure('runs_that_did_not_end', unfinished, 'runs', { atMost: 0 }),
    cellFigure('violations', violations, 'rows', { atMost: 0 }),
  ];
}

function cellFigure(name: string, value: number, unit: string, bound: Bound = {}): Figure {
  return figure('cells', name, value, unit, bound);
}

/** Starts the API and the worker of a cell in one process, by `howdah start`. */
async function startCell(databaseUrl: string, home: string) {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [join(PACKAGE_ROOT, 'src/cli/main.ts'), 'start'], {
    env: {
      ...{ PATH, HOME, DATABASE_URL: databaseUrl, PORT: '0', HOWDAH_HOME: home },
      ...{ HOWDAH_AUTH: 'required', HOWDAH_JWT_SECRET: SECRET, HOWDAH_LOG_LEVEL: 'error' },
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  for await (const chunk of child.stderr) {
    stderr += chunk;
    const [, url] = /GraphQL +(http:\/\/[\d.:]+)/.exec(stderr) ?? [];
    if (url) {
      child.stderr.resume();
      return { process: child, url };
    }
  }
  throw new Error(`a cell did not start: ${stderr}`);
}

async function kill(cell: Cell): Promise<void> {
  if (cell.process.exitCode !== null || cell.process.signalCode !== null) return;
  const exit = once(cell.process, 'exit');
  cell.process.kill('SIGKILL');
  await exit;
}

/** Creates a tenant in a cell, with a user and a token. */
async function createTenant(cell: Cell, slug: string): Promise<Tenant> {
  const { rows } = await cell.database.pool.query<{ tenant_id: string; user_id: string }>(
    `with t as (insert into howdah.tenants (slug, name) values ($1, $1) returning id)
     insert into howdah.users (tenant_id, username, role) select id, 'ada', 'admin' from t
     returning tenant_id, id as user_id`,
    [slug],
  );
  const [{ tenant_id, user_id } = { tenant_id: '', user_id: '' }] = rows;
  const token = await new SignJWT({ tenant_id, user_id, role: 'admin' })
    .setProtectedHeader({ alg: 'HS256' })
    .setSubject(user_id)
    .setIssuer('howdah')
    .setAudience('howdah')
    .setIssuedAt()
    .setExpirationTime('1h')
    .sign(Buffer.from(SECRET));
  return { id: tenant_id, token, cell, completed: 0 };
}

/** Starts runs of a tenant through the router by a few clients, and waits for their answers. */
async function sendRequests(router: string, tenant: Tenant, duration: number): Promise<Requests> {
  const requests: Requests = { ok: 0, failed: 0, ms: [] };
  const until = performance.now() + duration;
  const client = async () => {
    do {
      const startedAt = performance.now();
      const response = await fetch(`${router}/api/execute`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${tenant.token}` },
        body: JSON.stringify({ agent: 'development', message: 'How are you?', wait: 30 }),
      });
      await response.arrayBuffer();
      requests.ms.push(performance.now() - startedAt);
      if (response.status === 200) {
        requests.ok += 1;
        tenant.completed += 1;
      } else {
        requests.failed += 1;
        await delay(PAUSE_MS);
      }
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return requests;
}

function addUp(all: readonly Requests[]): Requests {
  const sum = (of: (one: Requests) => number) => all.reduce((total, one) => total + of(one), 0);
  return {
    ok: sum(({ ok }) => ok),
    failed: sum(({ failed }) => failed),
    ms: all.flatMap((one) => one.ms),
  };
}

const perSecond = ({ ok }: Requests, ms: number) => (ok / ms) * 1_000;
