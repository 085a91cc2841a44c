import { parseArgs } from 'node:util';

/** What can be let run, and what it counts. */
export const SOAKS = {
  subscribers:
    'clients of SSE, GraphQL and /ws that are cut off at random and come back behind what they had, while steps are committed',
  webhooks:
    'a receiver that is down for a while, and then is told of every run that ended meanwhile',
} as const;
export type SoakName = keyof typeof SOAKS;

export type Options = {
  names: readonly SoakName[];
  seed: number;
  /** Of streams: as many of SSE as of GraphQL and of /ws. */
  clients: number;
  /** During which steps are committed; during which the receiver is down. */
  seconds: number;
  /** That are followed; that end. */
  runs: number;
  json: boolean;
};

export const USAGE = `npm run soak -- [${Object.keys(SOAKS).join('] [')}] [--clients N] [--runs N] [--seconds N] [--seed S] [--json]`;

/** Throws a sentence about what is wrong. Without a seed one is taken from the clock, and printed. */
export function readOptions(words: readonly string[], now: number): Options {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: {
      clients: { type: 'string', default: '1000' },
      runs: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '30' },
      seed: { type: 'string', default: String(now % 1_000_000) },
      json: { type: 'boolean', default: false },
    },
  });
  const unknown = positionals.find((name) => !(name in SOAKS));
  if (unknown !== undefined) throw new Error(`there is no soak named ${unknown}`);
  const number = (name: 'clients' | 'runs' | 'seconds' | 'seed'): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value > (name === 'seed' ? -1 : 0)) return value;
    throw new Error(`--${name} takes a whole number, not ${values[name]}`);
  };
  const all = Object.keys(SOAKS) as SoakName[];
  return {
    names: positionals.length === 0 ? all : all.filter((name) => positionals.includes(name)),
    seed: number('seed'),
    clients: number('clients'),
    seconds: number('seconds'),
    runs: number('runs'),
    json: values.json,
  };
}
