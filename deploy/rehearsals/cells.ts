import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { SignJWT } from 'jose';
import { type Figure, figure, median } from '../../bench/figures.ts';
import type { BenchDatabase } from '../../bench/server.ts';
import { type CellMap, startRouter } from '../../examples/cells/router.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';
import type { RehearsalOptions } from './support/rehearsal.ts';

export const title =
  'two cells behind one address by tenant; one is killed and comes back, a third is added, and the others notice nothing';

type Tenant = { id: string; token: string; cell: Cell; sent: number };
type Cell = { name: string; database: BenchDatabase; process: ChildProcess; url: string };
type Requests = { ok: number; failed: number; ms: number[] };

const SECRET = randomBytes(48).toString('base64');
const CLIENTS = 2;

/** `--seconds`: how long each state lasts. */
export async function run({ words, server, talk }: RehearsalOptions): Promise<Figure[]> {
  const { values } = parseArgs({
    args: [...words],
    options: { seconds: { type: 'string', default: '5' } },
  });
  const ms = Number(values.seconds) * 1_000;
  const home = mkdtempSync(join(tmpdir(), 'howdah-cells-'));
  const map: CellMap = { cells: {}, tenants: {} };
  const cells: Cell[] = [];
  const router = await startRouter(() => map);

  const addCell = async (name: string): Promise<Cell> => {
    const database = await (await server()).createEmptyDatabase();
    const cell = { name, database, ...(await startCell(database.url, home)) };
    cells.push(cell);
    map.cells[name] = cell.url;
    return cell;
  };
  const load = (tenants: Tenant[], duration = ms) =>
    Promise.all(tenants.map((tenant) => ask(router.url, tenant, duration))).then(together);
  try {
    talk('cells one and two, two tenants in each');
    const [one, two] = [await addCell('one'), await addCell('two')];
    const ofOne = [await addTenant(map, one, 'a'), await addTenant(map, one, 'b')];
    const ofTwo = [await addTenant(map, two, 'c'), await addTenant(map, two, 'd')];
    const alone = await load(ofOne);
    const both = await load([...ofOne, ...ofTwo]);

    talk('cell two is killed');
    await kill(two);
    const [others, theirs] = await Promise.all([load(ofOne), load(ofTwo, ms / 2)]);

    talk('cell two comes back');
    const began = performance.now();
    Object.assign(two, await startCell(two.database.url, home));
    map.cells.two = two.url;
    const back = await load(ofTwo.slice(0, 1), 1);
    const backSeconds = (performance.now() - began) / 1_000;

    talk('a third cell is added while the others work');
    const adding = load([...ofOne, ...ofTwo]);
    const addedAt = performance.now();
    const tenant = await addTenant(map, await addCell('three'), 'e');
    const first = await load([tenant], 1);
    const addedSeconds = (performance.now() - addedAt) / 1_000;
    const during = await adding;

    const every = [...ofOne, ...ofTwo, tenant];
    const { astray, broken, unfinished } = await lookInside(cells, every);
    const one_ = (name: string, value: number, unit: string, bound = {}) =>
      figure('cells', name, value, unit, bound);
    return [
      one_('runs_per_s_one_cell', perSecond(alone, ms), 'runs/s'),
      one_('runs_per_s_two_cells', perSecond(both, ms), 'runs/s'),
      one_('answer_ms_p50', median(both.ms), 'ms'),
      one_('failed_while_all_are_up', alone.failed + both.failed, 'runs', { atMost: 0 }),
      one_('failed_of_others_while_one_is_down', others.failed, 'runs', { atMost: 0 }),
      one_('answers_of_the_cell_that_is_down', theirs.ok, 'runs', { atMost: 0 }),
      one_('refused_at_once_ms_p50', median(theirs.ms), 'ms', { atMost: 1_000 }),
      one_('down_cell_back_s', backSeconds, 's'),
      one_('failed_after_it_is_back', back.failed, 'runs', { atMost: 0 }),
      one_('cell_added_s', addedSeconds, 's'),
      one_('failed_while_a_cell_is_added', during.failed + first.failed, 'runs', { atMost: 0 }),
      one_('runs_in_another_cell', astray, 'runs', { atMost: 0 }),
      one_('runs_that_did_not_end', unfinished, 'runs', { atMost: 0 }),
      one_('violations', broken, 'rows', { atMost: 0 }),
    ];
  } finally {
    await router.close();
    await Promise.all(cells.map((cell) => kill(cell)));
    for (const { database } of cells) await database.drop();
    rmSync(home, { recursive: true, force: true });
  }
}

/** API and worker, in one process as `howdah start` has them. */
async function startCell(databaseUrl: string, home: string) {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [join(PACKAGE_ROOT, 'src/cli/main.ts'), 'start'], {
    env: {
      ...{ PATH, HOME, DATABASE_URL: databaseUrl, PORT: '0', HOWDAH_HOME: home },
      ...{ HOWDAH_AUTH: 'required', HOWDAH_JWT_SECRET: SECRET, HOWDAH_LOG_LEVEL: 'error' },
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  for await (const chunk of child.stderr) {
    said += chunk;
    const [, url] = /GraphQL +(http:\/\/[\d.:]+)/.exec(said) ?? [];
    if (url) {
      child.stderr.resume();
      return { process: child, url };
    }
  }
  throw new Error(`a cell did not start: ${said}`);
}

async function kill(cell: Cell): Promise<void> {
  if (cell.process.exitCode !== null || cell.process.signalCode !== null) return;
  const gone = once(cell.process, 'exit');
  cell.process.kill('SIGKILL');
  await gone;
}

/** A tenant with a user and a token, at home in this cell. */
async function addTenant(map: CellMap, cell: Cell, slug: string): Promise<Tenant> {
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
  map.tenants[tenant_id] = cell.name;
  return { id: tenant_id, token, cell, sent: 0 };
}

/** A few clients that begin runs through the router and wait for their answers, for a while and once at least. */
async function ask(router: string, tenant: Tenant, duration: number): Promise<Requests> {
  const requests: Requests = { ok: 0, failed: 0, ms: [] };
  const until = performance.now() + duration;
  const client = async () => {
    do {
      const began = performance.now();
      const response = await fetch(`${router}/api/execute`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${tenant.token}` },
        body: JSON.stringify({ agent: 'development', message: 'How are you?', wait: 30 }),
      });
      const isAnswered = response.status === 200;
      await response.arrayBuffer();
      requests.ms.push(performance.now() - began);
      if (isAnswered) {
        requests.ok += 1;
        tenant.sent += 1;
      } else {
        requests.failed += 1;
        await delay(100);
      }
    } while (performance.now() < until);
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return requests;
}

function together(all: Requests[]): Requests {
  const sum = (of: (one: Requests) => number) => all.reduce((total, one) => total + of(one), 0);
  return {
    ok: sum(({ ok }) => ok),
    failed: sum(({ failed }) => failed),
    ms: all.flatMap((one) => one.ms),
  };
}

const perSecond = ({ ok }: Requests, ms: number) => (ok / ms) * 1_000;

/** Each run must stand in the cell of its tenant, and nowhere else. */
async function lookInside(cells: Cell[], tenants: Tenant[]) {
  let [astray, broken, unfinished] = [0, 0, 0];
  for (const cell of cells) {
    const { rows } = await cell.database.pool.query(
      `select e.tenant_id, count(*)::int as runs, count(*) filter (where e.status <> 'completed')::int as live
       from howdah.executions as e group by e.tenant_id`,
    );
    for (const { tenant_id, runs, live } of rows) {
      const tenant = tenants.find(({ id }) => id === tenant_id);
      if (tenant?.cell !== cell) astray += runs;
      else astray += Math.max(0, tenant.sent - runs);
      unfinished += live;
    }
    broken += (await cell.database.pool.query('select from howdah.violations')).rowCount ?? 0;
  }
  return { astray, broken, unfinished };
}
