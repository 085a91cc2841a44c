import { describe, expect, test } from 'vitest';
import { exceedsBound, growthFigures, slope } from '../../chaos/resource-growth/growth-figures.ts';
import type {
  Sample,
  StatementSample,
  TableSample,
} from '../../chaos/resource-growth/growth-samples.ts';

// Steady samples of an hour keep all bounds, and each kind of growth exceeds its own bound.

const MB = 1_048_576;
const COUNT = 120;

const table: TableSample = {
  name: 'executions_1',
  rows: 20_000,
  dead: 300,
  vacuum_at: 5_000,
  bytes: 10 * MB,
  updates: 0,
  hot_updates: 0,
  deletes: 0,
  seq_scans: 4,
};
const statement: StatementSample = { id: '1', text: 'commit', calls: 0, ms: 0, blocks: 0 };

const memory = ({ heap = 40, retained = 190 }) => {
  return { heap: heap * MB, rss: (heap + retained) * MB };
};

/**
 * Makes the samples of an hour in which only the amount of work grows. `change` returns what
 * differs in the nth sample.
 */
function hour(
  change: (nth: number) => Partial<TableSample & StatementSample & Sample> = () => ({}),
) {
  return Array.from({ length: COUNT }, (_, nth): Sample => {
    const other = change(nth);
    const pick = <T extends object>(whole: T): T =>
      Object.fromEntries(
        Object.entries(whole).map(([key, value]) => [
          key,
          (other as Record<string, unknown>)[key] ?? value,
        ]),
      ) as T;
    return pick<Sample>({
      at: nth / COUNT,
      workers: [memory({ heap: 40 + (nth % 7) * 0.1 })],
      live: 4 + (nth % 3),
      jobs: 1,
      tables: [pick({ ...table, updates: nth * 100, hot_updates: nth * 70 })],
      statements: [pick({ ...statement, calls: nth * 50, ms: nth * 100, blocks: nth * 2_000 })],
    });
  });
}

const exceeded = (samples: Sample[]) =>
  growthFigures(samples)
    .filter(exceedsBound)
    .map(({ what }) => what);

test('the slope is that of the least-squares line', () => {
  const points: [number, number][] = [
    [0, 1],
    [1, 4],
    [2, 4],
    [3, 7],
  ];
  expect(slope(points)).toBeCloseTo(1.8);
});

test('a steady hour meets all bounds, and the figures describe it', () => {
  expect(exceeded(hour())).toEqual([]);
  const figures = new Map(growthFigures(hour()).map((figure) => [figure.what, figure]));
  expect(figures.get('heap of worker 1 in MB; MB/h')).toMatchObject({ first: 40.3, bound: 5 });
  expect(figures.get('updates of executions_1 that are not HOT, share')?.last).toBeCloseTo(0.3);
  expect(figures.get('dead rows of executions_1, at most')).toMatchObject({
    measured: 300,
    bound: 10_400,
  });
  expect(figures.get('ms a call of: commit')).toMatchObject({ first: 2, last: 2, bound: 7 });
  expect(figures.get('blocks a call of: commit')).toMatchObject({ last: 40, bound: 90 });
});

describe('a bound is violated by', () => {
  test('a heap that grows by a kilobyte per run, but not by growth during warm-up', () => {
    expect(exceeded(hour((nth) => ({ workers: [memory({ heap: 40 + nth / 17 })] })))).toEqual([
      'heap of worker 1 in MB; MB/h',
    ]);
    const warm = (nth: number) => [memory({ heap: Math.min(40, 20 + nth) })];
    expect(exceeded(hour((nth) => ({ workers: warm(nth) })))).toEqual([]);
  });

  test('a process that keeps growing, but not by pages that V8 retains', () => {
    const sampleOf = (nth: number, step: number) => [
      memory({ retained: 100 + Math.floor(nth / 20) * step }),
    ];
    expect(exceeded(hour((nth) => ({ workers: sampleOf(nth, 8) })))).toEqual([]);
    expect(exceeded(hour((nth) => ({ workers: sampleOf(nth, 50) })))).toEqual([
      'rss of worker 1 in MB',
    ]);
  });

  test('a worker without measurements', () => {
    expect(exceeded(hour((nth) => (nth === 90 ? { workers: [] } : {})))).toContain(
      'heap of worker 1 in MB; MB/h',
    );
  });

  test('a growing queue', () => {
    expect(exceeded(hour((nth) => ({ live: nth, jobs: nth })))).toEqual([
      'runs that have not ended',
      'wake-ups in the queue',
    ]);
  });

  test('dead rows that are never removed', () => {
    expect(exceeded(hour((nth) => ({ dead: nth * 100 })))).toEqual([
      'dead rows of executions_1, at most',
    ]);
  });

  test('a table that grows faster than its rows, but not by growth with its rows', () => {
    expect(exceeded(hour((nth) => ({ bytes: (10 + nth) * MB })))).toEqual([
      'size of executions_1 in MB',
    ]);
    expect(
      exceeded(hour((nth) => ({ bytes: (10 + nth) * MB, rows: 20_000 + nth * 2_000 }))),
    ).toEqual([]);
  });

  test('updates that are no longer HOT', () => {
    const hot = (nth: number) => Math.min(nth, 60) * 70;
    expect(exceeded(hour((nth) => ({ hot_updates: hot(nth) })))).toEqual([
      'updates of executions_1 that are not HOT, share',
    ]);
  });

  test('a sequential scan of a large table, but not of a small one', () => {
    const large = (nth: number) => (nth < 60 ? 5_000 : 20_000);
    const before = hour((nth) => ({ rows: large(nth), seq_scans: Math.min(nth, 50) }));
    expect(exceeded(before)).toEqual([]);
    const after = hour((nth) => ({ rows: large(nth), seq_scans: nth < 100 ? 3 : 4 }));
    expect(exceeded(after)).toEqual(['sequential scans of executions_1 since it had 10000 rows']);
  });

  test('a statement that takes longer or reads more', () => {
    expect(exceeded(hour((nth) => ({ ms: nth ** 2 * 10 })))).toEqual(['ms a call of: commit']);
    expect(exceeded(hour((nth) => ({ blocks: nth ** 2 * 20 })))).toEqual([
      'blocks a call of: commit',
    ]);
  });
});

test('tables and statements with little use are not measured', () => {
  const quiet = hour(() => ({ rows: 50, updates: 10, hot_updates: 0, calls: 5 }));
  expect(growthFigures(quiet).map(({ what }) => what)).toEqual([
    'heap of worker 1 in MB; MB/h',
    'rss of worker 1 in MB',
    'runs that have not ended',
    'wake-ups in the queue',
  ]);
});
