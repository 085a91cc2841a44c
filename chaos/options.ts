import { parseArgs } from 'node:util';
import { FAULTS, type FaultKind } from './faults.ts';

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
};

export const USAGE = `npm run chaos -- [--minutes N] [--runs N] [--seed S] [--workers N] [--only fault,…] [--json] [--matrix [--rows N,…]]
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
    },
  });
  const number = (name: 'minutes' | 'runs' | 'seed' | 'workers', otherwise: number): number => {
    const value = values[name] === undefined ? otherwise : Number(values[name]);
    if (!Number.isFinite(value) || value < 0) {
      throw new Error(`--${name} takes a number, not ${values[name]}`);
    }
    return value;
  };
  return {
    runs: number('runs', 0),
    minutes: number('minutes', values.runs === undefined ? 2 : 0),
    seed: number('seed', now % 1_000_000),
    workers: Math.max(1, number('workers', 4)),
    only: values.only === undefined ? FAULTS : faultsNamed(values.only),
    json: values.json,
    matrix: values.matrix || values.rows !== undefined,
    rows: values.rows?.split(',').map(Number) ?? [],
  };
}

function faultsNamed(text: string): FaultKind[] {
  const names = text === 'none' ? [] : text.split(',');
  return names.map((name) => {
    const kind = FAULTS.find((one) => one === name);
    if (!kind) throw new Error(`there is no fault ${name}; there are: ${FAULTS.join(', ')}, none`);
    return kind;
  });
}
