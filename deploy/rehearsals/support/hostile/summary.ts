import { type Figure, figure } from '../../../../bench/figures.ts';
import {
  describeEffect,
  type Effect,
  isFault,
  MAX_DELAY_MS,
  MAX_GROWTH_MB,
  NO_ANSWER,
} from './trial.ts';

const NAME = 'hostile-bodies';
/** Bodies that the summary names for each measure. */
const TOP = 3;

const STATUS_CLASSES = ['2xx', '3xx', '4xx', '5xx', 'closed', 'none'] as const;
type StatusClass = (typeof STATUS_CLASSES)[number];

/** Class of a status: a WebSocket that was closed has the code of the close, from 1000 on. */
function statusClass(status: number): StatusClass {
  if (status === NO_ANSWER) return 'none';
  return status >= 1_000 ? 'closed' : (`${Math.floor(status / 100)}xx` as StatusClass);
}

function countClasses(effects: readonly Effect[]): Record<StatusClass, number> {
  const counts = { '2xx': 0, '3xx': 0, '4xx': 0, '5xx': 0, closed: 0, none: 0 };
  for (const { status } of effects) counts[statusClass(status)] += 1;
  return counts;
}

const largest = (effects: readonly Effect[], measure: (effect: Effect) => number): number =>
  effects.reduce((most, effect) => Math.max(most, measure(effect)), 0);

/** Lines for a person: answers by class of status, and the most expensive bodies by measure. */
export function summaryLines(endpoints: number, effects: readonly Effect[]): string[] {
  const counts = countClasses(effects);
  const top = (title: string, measure: (effect: Effect) => number) => [
    `${title}:`,
    ...effects
      .toSorted((one, other) => measure(other) - measure(one))
      .slice(0, TOP)
      .map((effect) => `  ${describeEffect(effect)}`),
  ];
  return [
    `${endpoints} endpoints, ${effects.length} bodies`,
    `answers: ${STATUS_CLASSES.map((name) => `${name} ${counts[name]}`).join(', ')}`,
    ...top('slowest answers', ({ ms }) => ms),
    ...top('largest delay of /healthz', ({ healthz }) => healthz),
    ...top("largest delay of the neighbour's query", ({ neighbour }) => neighbour),
    ...top("largest delay of the neighbour's run", ({ run }) => run),
    ...top('largest growth of Postgres', ({ growth }) => growth),
  ];
}

/** Figures of a walk, with their bars. */
export function effectFigures(endpoints: number, effects: readonly Effect[]): Figure[] {
  const counts = countClasses(effects);
  const delay = { atMost: MAX_DELAY_MS };
  const growth = { atMost: MAX_GROWTH_MB };
  return [
    figure(NAME, 'endpoints', endpoints, 'endpoints', { atLeast: 1 }),
    figure(NAME, 'bodies', effects.length, 'bodies', { atLeast: 1 }),
    figure(NAME, 'answers_2xx', counts['2xx'], 'answers'),
    figure(NAME, 'answers_4xx', counts['4xx'], 'answers'),
    figure(NAME, 'answers_5xx_or_none', effects.filter(isFault).length, 'answers', { atMost: 0 }),
    figure(NAME, 'sockets_closed', counts.closed, 'sockets'),
    figure(
      NAME,
      'slowest_answer_ms',
      largest(effects, ({ ms }) => ms),
      'ms',
    ),
    figure(
      NAME,
      'healthz_delay_ms_max',
      largest(effects, ({ healthz }) => healthz),
      'ms',
      delay,
    ),
    figure(
      NAME,
      'neighbour_delay_ms_max',
      largest(effects, ({ neighbour }) => neighbour),
      'ms',
      delay,
    ),
    figure(
      NAME,
      'neighbour_run_delay_ms_max',
      largest(effects, ({ run }) => run),
      'ms',
      delay,
    ),
    figure(
      NAME,
      'postgres_growth_mb_max',
      largest(effects, (effect) => effect.growth),
      'MB',
      growth,
    ),
  ];
}

/** Figures of the server and the database after a walk. */
export function healthFigures(deadWorkers: number, violations: number): Figure[] {
  return [
    figure(NAME, 'workers_declared_dead', deadWorkers, 'workers', { atMost: 0 }),
    figure(NAME, 'violations', violations, 'rows', { atMost: 0 }),
  ];
}

/** Names the bars that broke. */
export function barsLine(figures: readonly Figure[]): string {
  const broken = figures.filter(({ holds }) => holds === false).map((broken) => broken.figure);
  return broken.length === 0 ? 'all bars hold' : `bars broken: ${broken.join(', ')}`;
}
