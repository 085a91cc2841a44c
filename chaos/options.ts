import { parseArgs } from 'node:util';
import { FAULTS, type FaultKind } from './faults/faults.ts';

/** The options of `npm run chaos`. */
export type Options = {
  /** Minimum duration. The programme ends when both `minutes` and `runs` are reached. */
  minutes: number;
  /** Minimum number of runs. */
  runs: number;
  seed: number;
  workers: number;
  /** The kinds of fault to inject. */
  only: readonly FaultKind[];
  /** Whether limits are set, of which some are reached all the time. */
  limits: boolean;
  json: boolean;
  matrix: boolean;
  /** Rows of the matrix to play; empty: all. */
  rows: readonly number[];
  /** Whether to play runs without faults at a steady rate. */
  soak: boolean;
  /** Runs per second of the soak. */
  rate: number;
};

export const USAGE = `Usage:
  npm run chaos -- [--minutes N] [--runs N] [--seed S] [--workers N] [--only fault,…] [--limits] [--json]
  npm run chaos -- --matrix [--rows N,…] [--seed S] [--workers N] [--json]
  npm run chaos -- --soak [--minutes N] [--rate R] [--seed S] [--workers N] [--json]
Faults: ${FAULTS.join(', ')}, none`;

/** Parses the command line. Throws if it is invalid. The default seed comes from the clock. */
export function readOptions(argv: readonly string[], now: number): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      minutes: { type: 'string' },
      runs: { type: 'string' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      only: { type: 'string' },
      limits: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      matrix: { type: 'boolean', default: false },
      rows: { type: 'string' },
      soak: { type: 'boolean', default: false },
      rate: { type: 'string' },
    },
  });
  if (values.soak) {
    for (const name of ['runs', 'only', 'limits', 'matrix', 'rows'] as const) {
      if (values[name]) throw new Error(`--${name} cannot be used with --soak`);
    }
  } else if (values.rate) {
    throw new Error('--rate can only be used with --soak');
  }
  const isMatrix = values.matrix || values.rows !== undefined;
  for (const name of ['minutes', 'runs', 'only', 'limits'] as const) {
    if (isMatrix && values[name]) throw new Error(`--${name} cannot be used with --matrix`);
  }
  const { minutes, runs, seed, workers, rate } = values;
  return {
    runs: parseNumber('runs', runs, 0),
    minutes: parseNumber('minutes', minutes, values.soak ? 60 : runs === undefined ? 2 : 0),
    seed: parseNumber('seed', seed, now % 1_000_000),
    workers: Math.max(1, parseNumber('workers', workers, values.soak ? 2 : 4)),
    only: values.only === undefined ? FAULTS : parseFaults(values.only),
    limits: values.limits,
    json: values.json,
    matrix: isMatrix,
    rows: values.rows === undefined ? [] : parseRows(values.rows),
    soak: values.soak,
    rate: parseNumber('rate', rate, 2),
  };
}

function parseNumber(name: string, text: string | undefined, otherwise: number): number {
  const value = text === undefined ? otherwise : Number(text);
  if (Number.isFinite(value) && value >= 0) return value;
  throw new Error(`--${name} must be a number of at least 0, not ${text}`);
}

function parseRows(text: string): number[] {
  return text.split(',').map((row) => {
    if (/^\d+$/.test(row.trim())) return Number(row);
    throw new Error(`--rows must be numbers of rows, such as 2,15, not ${text}`);
  });
}

/** Parses names of faults separated by commas, or `none`. Throws if a name is unknown. */
export function parseFaults(text: string): FaultKind[] {
  const names = text === 'none' ? [] : text.split(',');
  return names.map((name) => {
    const kind = FAULTS.find((fault) => fault === name);
    if (!kind) throw new Error(`unknown fault: ${name}; use ${FAULTS.join(', ')} or none`);
    return kind;
  });
}
