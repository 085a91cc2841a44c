import { parseArgs } from 'node:util';
import { FAULTS, type FaultKind } from './faults/faults.ts';

export type Options = {
  /** It goes on for at least so long, and until there were at least so many runs. */
  minutes: number;
  runs: number;
  seed: number;
  workers: number;
  /** Only these kinds of fault. */
  only: readonly FaultKind[];
  json: boolean;
  matrix: boolean;
  /** Of the matrix; none means all. */
  rows: readonly number[];
  /** Without any fault, at so many runs a second. */
  soak: boolean;
  rate: number;
};

export const USAGE = `npm run chaos -- [--minutes N] [--runs N] [--seed S] [--workers N] [--only fault,…] [--json] [--matrix [--rows N,…]]
npm run chaos -- --soak [--minutes N] [--rate R] [--seed S] [--workers N] [--json]
Faults: ${FAULTS.join(', ')}, none`;

/** Throws a sentence about what is wrong. Without a seed one is taken from the clock, and printed. */
export function readOptions(words: readonly string[], now: number): Options {
  const { values } = parseArgs({
    args: [...words],
    options: {
      minutes: { type: 'string' },
      runs: { type: 'string' },
      seed: { type: 'string' },
      workers: { type: 'string' },
      only: { type: 'string' },
      json: { type: 'boolean', default: false },
      matrix: { type: 'boolean', default: false },
      rows: { type: 'string' },
      soak: { type: 'boolean', default: false },
      rate: { type: 'string' },
    },
  });
  for (const name of values.soak
    ? (['runs', 'only', 'matrix', 'rows'] as const)
    : (['rate'] as const)) {
    if (values[name])
      throw new Error(`--${name} does not go ${values.soak ? 'with' : 'without'} --soak`);
  }
  const number = (
    name: 'minutes' | 'runs' | 'seed' | 'workers' | 'rate',
    otherwise: number,
  ): number => {
    const value = values[name] === undefined ? otherwise : Number(values[name]);
    if (!Number.isFinite(value) || value < 0) {
      throw new Error(`--${name} takes a number, not ${values[name]}`);
    }
    return value;
  };
  return {
    runs: number('runs', 0),
    minutes: number('minutes', values.soak ? 60 : values.runs === undefined ? 2 : 0),
    seed: number('seed', now % 1_000_000),
    workers: Math.max(1, number('workers', values.soak ? 2 : 4)),
    only: values.only === undefined ? FAULTS : parseFaults(values.only),
    json: values.json,
    matrix: values.matrix || values.rows !== undefined,
    rows: values.rows?.split(',').map(Number) ?? [],
    soak: values.soak,
    rate: number('rate', 2),
  };
}

/** The faults of a comma list; throws a sentence. */
export function parseFaults(text: string): FaultKind[] {
  const names = text === 'none' ? [] : text.split(',');
  return names.map((name) => {
    const kind = FAULTS.find((one) => one === name);
    if (!kind) throw new Error(`there is no fault ${name}; there are: ${FAULTS.join(', ')}, none`);
    return kind;
  });
}
