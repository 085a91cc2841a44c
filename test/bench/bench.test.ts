import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseArguments } from '../../bench/arguments.ts';
import { BARS, describeFailures, judge } from '../../bench/bars.ts';
import { BENCH_NAMES } from '../../bench/bench-names.ts';
import { BENCHES } from '../../bench/benches.ts';
import { prepareComparison } from '../../bench/compare-checkouts.ts';
import { figure, ratios } from '../../bench/figures.ts';
import { readTreeCpuUs } from '../../bench/meters/cpu.ts';
import { openServerMeter } from '../../bench/meters/server-meter.ts';
import { PRIVATE_FILES, prepareOldCheckout } from '../../bench/old-checkout.ts';
import { compareFigures } from '../../bench/output/compare-figures.ts';
import { formatDocument } from '../../bench/output/document.ts';
import { formatMarkdown } from '../../bench/output/markdown-table.ts';
import { formatComparison, formatTables } from '../../bench/output/table.ts';
import { BENCH_AGENT } from '../../bench/processes/engine.ts';
import { countRepeats, readStepLog } from '../../bench/processes/step-log.ts';
import { startWorkerProcess } from '../../bench/processes/worker-process.ts';
import { RUN_TRIGGERS, USER_TRIGGERS } from '../../bench/runs/insert-triggers.ts';
import { startJob, systemsFor } from '../../bench/systems.ts';
import { createEmptyDatabase, createTestDatabase, type TestDatabase } from '../support/database.ts';

// Tests of the parts of the benches. Whole benches take minutes, and need a quiet machine.

describe('the command line', () => {
  const known = ['steps', 'latency', 'bulk'];

  test('runs every bench by default, in table order', () => {
    expect(parseArguments([], known).names).toEqual(known);
    expect(parseArguments(['all'], known).names).toEqual(known);
    expect(parseArguments(['bulk', 'steps'], known).names).toEqual(['steps', 'bulk']);
  });

  test('parses its options', () => {
    const words = ['steps', '--json', '--check', '--no-peers', '--rounds', '5', '--write', 'x.md'];
    expect(parseArguments(words, known)).toEqual({
      names: ['steps'],
      json: true,
      check: true,
      peers: false,
      rounds: 5,
      withLimit: false,
      write: 'x.md',
      against: undefined,
    });
    expect(parseArguments(['--against', '../old'], known).against).toBe('../old');
    expect(parseArguments(['steps', '--with-limit'], known).withLimit).toBe(true);
    expect(() => parseArguments(['--with-limit', '--check'], known)).toThrow('--with-limit');
  });

  test.each([
    [['speed'], /no bench speed.*steps, latency, bulk, all/],
    [['--rounds', '0'], /at least 1/],
    [['--fast'], /--fast/],
    [['--against', '../old', '--check'], /neither --check nor --write/],
    [['--against', '../old', '--write', 'x.md'], /neither --check nor --write/],
  ])('rejects %j', (words, reason) => {
    expect(() => parseArguments(words, known)).toThrow(reason);
  });
});

describe('a benchmark figure', () => {
  test('is the median of its rounds, with minimum and maximum', () => {
    expect(figure('steps', 'x', [30, 10, 20], 'ms', { atMost: 25 })).toMatchObject({
      ...{ value: 20, min: 10, max: 30, bound: '<= 25', holds: true },
    });
  });

  test('without measurements fails its bound', () => {
    expect(figure('steps', 'x', [], 'ms', { atMost: 25 }).holds).toBe(false);
  });

  test('relative to another figure is computed round by round', () => {
    expect(ratios([10, 30], [5, 10])).toEqual([2, 3]);
  });
});

test('the command has all benches except those for the repository', () => {
  expect(
    Object.keys(BENCHES).filter((name) => !['console', 'knowledge', 'size'].includes(name)),
  ).toEqual(BENCH_NAMES);
});

describe('performance bounds', () => {
  test('cover the figures that others rely on, each in an existing bench', () => {
    const relied = `steps_vs_pgbench_ratio steps_vs_pgbench_slow_flush_ratio steps_vs_dbos_ratio
      steps_vs_langgraph_ratio insert_to_model_ms_p50 insert_to_model_ms_p99 overhead_per_step_ms_p50
      transactions_per_step wal_kb_per_step waiting_vs_promises_ratio waiting_rss_mb bulk_plain_ratio
      subscribers_ms_p99 recovery_ms_max coldstart_first_answer_s`;
    expect(Object.keys(BARS)).toEqual(expect.arrayContaining(relied.split(/\s+/)));
    const benches = Object.values(BARS).map(({ bench }) => bench);
    expect(Object.keys(BENCHES)).toEqual(expect.arrayContaining(benches));
  });

  test('report the figures below them, with the reason for the bound', () => {
    const fine = judge(figure('subscribers', 'subscribers_lost', 0, 'count'));
    const lost = judge(figure('subscribers', 'subscribers_lost', 3, 'count'));
    expect(describeFailures([fine])).toEqual([]);
    expect(describeFailures([lost])).toEqual([
      'subscribers_lost is 3 count, its bar is <= 0: no step may be lost',
    ]);
  });

  test('report requested figures that were not measured, except of peers not installed', () => {
    const missed = (peers: string[]): string[] =>
      describeFailures([], { benches: ['steps'], peers });
    expect(missed([])).toContain('steps_vs_pgbench_ratio was not measured by steps');
    expect(missed([]).join()).not.toContain('dbos');
    expect(missed(['dbos'])).toContain('steps_vs_dbos_ratio was not measured by steps');
    expect(missed([]).join()).not.toContain('recovery');
  });
});

describe('benchmark tables', () => {
  const figures = [
    judge(figure('recovery', 'recovery_ms_max', 700, 'ms', { atMost: 2000 })),
    judge(figure('recovery', 'dbos_recovery_ms', Number.NaN, 'ms', { role: 'peer' })),
  ];

  test('show the goal, peers by system, and the durability of a step', () => {
    const slow = judge(figure('recovery', 'recovery_ms', [2000, 3000, 4000], 'ms', { atMost: 2 }));
    const lines = formatMarkdown([...figures, slow], ['dbos']).split('\n');
    expect(lines).toEqual(
      expect.arrayContaining([
        '| recovery_ms_max | 700, goal <= 2000 |',
        '| recovery_ms | 3000 (2000–4000), goal <= 2: missed |',
        '| median of | recovery_ms |',
        '| dbos | — |',
      ]),
    );
    expect(lines.filter((line) => line.startsWith('- **')).length).toBe(2);
    expect(formatTables(figures, ['dbos'])).toContain(BENCHES.recovery?.description);
  });

  test('form a page with the command that regenerates it', () => {
    const page = formatDocument({
      file: 'docs/benchmarks.md',
      figures,
      peers: [],
      machine: ['2 cores'],
      names: ['recovery'],
    });
    expect(page).toContain('npm run bench -- recovery --write docs/benchmarks.md');
    expect(page).toContain('- 2 cores');
    expect(page).not.toContain('- **dbos**');
  });
});

describe('a comparison of two checkouts', () => {
  const round = (ms: number, count: number) => [
    figure('latency', 'wait_ms', ms, 'ms'),
    figure('latency', 'calls', count, 'count'),
  ];

  test('contains medians, and the new-to-old ratio of each round', () => {
    const [wait] = compareFigures(
      [round(10, 1), round(20, 1), round(40, 1)],
      [round(20, 1), round(10, 1), round(60, 1)],
    );
    expect(wait).toEqual({
      ...{ bench: 'latency', figure: 'wait_ms', unit: 'ms', role: null },
      ...{ old: 20, new: 20, ratio: 1.5, min_ratio: 0.5, max_ratio: 2 },
    });
  });

  test('omits failed rounds, and shows a dash where one side lacks a figure', () => {
    const compared = compareFigures(
      [[], [figure('latency', 'wait_ms', 10, 'ms'), figure('latency', 'gone', 1, 'ms')]],
      [round(99, 0), round(30, 0)],
    );
    expect(compared).toMatchObject([
      { figure: 'wait_ms', old: 10, new: 30, ratio: 3, min_ratio: 3, max_ratio: 3 },
      { figure: 'calls', old: Number.NaN, new: 0, ratio: Number.NaN },
      { figure: 'gone', old: 1, new: Number.NaN },
    ]);
    expect(formatComparison(compared).split('\n')).toEqual(
      expect.arrayContaining([
        'figure   old  new  new/old  min  max  unit',
        'calls      —    0        —    —    —  count',
      ]),
    );
  });
});

describe('another checkout to compare with', () => {
  const root = resolve(import.meta.dirname, '../..');
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'howdah-test-checkout-'));
    for (const name of readdirSync(root).filter((one) => one !== 'bench' && one !== '.git')) {
      symlinkSync(join(root, name), join(folder, name));
    }
    const filter = (path: string): boolean => basename(path) !== 'node_modules';
    cpSync(join(root, 'bench'), join(folder, 'bench'), { recursive: true, filter });
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('is measured by the current bench, with its own private files and engine', async () => {
    writeFileSync(join(folder, 'bench/figures.ts'), 'throw new Error("not to be loaded");');
    const sqlWorker = `${readFileSync(join(root, 'bench/runs/sql-worker.ts'), 'utf8')}// older\n`;
    writeFileSync(join(folder, 'bench/runs/sql-worker.ts'), sqlWorker);
    const old = await prepareOldCheckout(folder);
    try {
      expect(old.method).toMatch(/^both sides are measured by this bench;.* runs\/sql-worker\.ts$/);
      expect(old.folder).not.toBe(folder);
      expect(readFileSync(join(old.folder, 'bench/runs/sql-worker.ts'), 'utf8')).toBe(sqlWorker);
      expect(realpathSync(join(old.folder, 'src'))).toBe(join(root, 'src'));
    } finally {
      old.remove();
    }
    expect(existsSync(old.folder)).toBe(false);
  });

  test('is measured by its own bench if the current one cannot load its files', async () => {
    writeFileSync(join(folder, 'bench/runs/sql-worker.ts'), 'export const older = 1;');
    const old = await prepareOldCheckout(folder);
    expect(old.folder).toBe(folder);
    expect(old.method).toMatch(/^each side is measured by its own bench.*sql-worker\.ts/);
  });

  test('is measured by its own bench if it keeps private files elsewhere', async () => {
    rmSync(join(folder, 'bench/runs/sql-worker.ts'));
    writeFileSync(join(folder, 'bench/sql-worker.ts'), '');
    const old = await prepareOldCheckout(folder);
    expect(old.folder).toBe(folder);
    expect(old.method).toMatch(/its bench has sql-worker\.ts, but not as runs\/sql-worker\.ts$/);
  });

  test('must be a checkout with a bench', async () => {
    await expect(prepareOldCheckout(tmpdir())).rejects.toThrow(/has no bench\/main\.ts/);
  });

  test('receives all bench files that use private tables and functions', () => {
    const files = readdirSync(join(root, 'bench'), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
      .filter((name) => readFileSync(join(root, 'bench', name), 'utf8').includes('howdah_private'));
    expect(PRIVATE_FILES).toEqual(expect.arrayContaining(files));
  });
});

describe.skipIf(process.platform !== 'linux')('CPU time of a process and its children', () => {
  const BURN = `const begun = process.resourceUsage().userCPUTime;
    while (process.resourceUsage().userCPUTime < begun + 300_000);
    process.send('burnt'); process.on('message', () => process.exit());`;
  const MIN_US = 280_000; // less than 300 ms, because ticks are coarse

  const burner = async (): Promise<ChildProcess> => {
    const child = spawn(process.execPath, ['--eval', BURN], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    await once(child, 'message');
    return child;
  };

  test('counts living children, except those excluded, and children that have ended', async () => {
    const before = readTreeCpuUs(process.pid) ?? Number.NaN;
    const child = await burner();
    try {
      const all = readTreeCpuUs(process.pid) ?? Number.NaN;
      expect(all - before).toBeGreaterThan(MIN_US);
      expect(readTreeCpuUs(process.pid, [child.pid as number])).toBeLessThan(all - MIN_US / 2);
    } finally {
      child.send('end');
      await once(child, 'exit');
    }
    expect((readTreeCpuUs(process.pid) ?? Number.NaN) - before).toBeGreaterThan(MIN_US);
  });

  test('is undefined for a missing process', () => {
    expect(readTreeCpuUs(2 ** 30)).toBeUndefined();
  });
});

describe('measured processes', () => {
  let database: TestDatabase;
  let empty: TestDatabase;
  let folder: string;
  let log: string;

  beforeAll(async () => {
    [database, empty] = await Promise.all([createTestDatabase(), createEmptyDatabase()]);
    folder = mkdtempSync(join(tmpdir(), 'howdah-test-bench-'));
    log = join(folder, 'steps.log');
    writeFileSync(log, '');
  });

  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await Promise.all([database.drop(), empty.drop()]);
  });

  test('a worker logs the start and end of each call', async () => {
    const worker = await startWorkerProcess({ url: database.url, concurrency: 4, log });
    try {
      await database.pool.query(BENCH_AGENT);
      const { rows } = await database.pool.query(
        `insert into howdah.executions (agent_id, input) values (howdah.agent('bench'), '2 ping') returning id`,
      );
      await expect
        .poll(() => readStepLog(log).map(({ event, run, index }) => [event, run, index]))
        .toEqual(
          [
            ['begin', 0],
            ['end', 0],
            ['begin', 1],
            ['end', 1],
          ].map(([event, index]) => [event, rows[0].id, index]),
        );
      expect((await worker.usage()).rssMb).toBeGreaterThan(20);
    } finally {
      await worker.stop();
    }
  });

  test('the CPU time of a server not started by the bench is not measured', async () => {
    const meter = await openServerMeter({}, database);
    expect(meter.cpuUs()).toBeNaN();
    await meter.close();
  });

  test('a system runs its job on its own tables and starts no step twice', async () => {
    writeFileSync(log, '');
    const { child, result } = startJob({
      ...{ system: 'raw_node', kind: 'crash', url: empty.url, connections: 2 },
      ...{ runsAtOnce: 2, stepsPerRun: 2, tag: 'test', log, resume: false },
    });
    const gone = once(child, 'exit');
    await result;
    await gone;
    const entries = readStepLog(log);
    expect(entries.filter(({ event }) => event === 'end').length).toBe(4);
    expect(countRepeats(entries, 'begin')).toBe(0);
    expect((await empty.pool.query('select * from steps')).rowCount).toBe(4);
  });

  test('a peer runs its job, here the one that needs no installation of its own', async () => {
    writeFileSync(log, '');
    const peer = await createEmptyDatabase();
    try {
      const { child, result } = startJob({
        ...{ system: 'graphile_worker', kind: 'crash', url: peer.url, connections: 2 },
        ...{ runsAtOnce: 2, stepsPerRun: 2, tag: 'test', log, resume: false },
      });
      const gone = once(child, 'exit');
      await result;
      await gone;
      expect(readStepLog(log).filter(({ event }) => event === 'end').length).toBe(4);
    } finally {
      await peer.drop();
    }
  });

  test('a comparison runs each round of a bench on both checkouts in turn', async () => {
    vi.stubEnv('BENCH_PG_URL', database.url);
    const talk: string[] = [];
    const against = { against: '.', names: ['size'], rounds: 2 };
    const sides = await prepareComparison(against, (line) => talk.push(line));
    const compared: ReturnType<typeof compareFigures> = [];
    try {
      expect(await sides.run((figures) => compared.push(...figures))).toEqual([]);
    } finally {
      vi.unstubAllEnvs();
      await sides.stop();
    }
    const started = talk.filter((line) => line.includes('──')).map((line) => line.split(' ')[0]);
    expect(started).toEqual(['old', 'new', 'old', 'new']);
    expect(compared).toMatchObject([
      { figure: 'dependencies', ratio: 1, min_ratio: 1, max_ratio: 1 },
      { figure: 'installed_mb', ratio: 1 },
    ]);
  });

  test('a step log may end in half a line, and counts repeated steps', () => {
    writeFileSync(log, 'begin a 0 1 7\nbegin a 0 2 8\nend a 0 3 8\nend a');
    const entries = readStepLog(log);
    expect(entries.map(({ pid }) => pid)).toEqual([7, 8, 8]);
    expect([countRepeats(entries, 'begin'), countRepeats(entries, 'end')]).toEqual([1, 0]);
  });

  test.each([
    ['executions', RUN_TRIGGERS],
    ['users', USER_TRIGGERS],
  ])('the triggers disabled on %s exist', async (table, triggers) => {
    const { rows } = await database.pool.query(
      'select tgname from pg_trigger where tgrelid = $1::regclass and tgname = any ($2)',
      [`howdah.${table}`, triggers],
    );
    expect(rows.map(({ tgname }) => tgname).sort()).toEqual([...triggers].sort());
  });

  test('limit systems are always present, peers only when installed', () => {
    const names = (installed: boolean): string[] =>
      systemsFor('waiting', () => installed).map(({ name }) => name);
    expect(names(false)).toEqual(['promises', 'raw_node']);
    expect(names(true)).toContain('dbos');
  });
});
