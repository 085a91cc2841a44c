import { parseArgs } from 'node:util';

/** The delivery tests, and their descriptions. */
export const DELIVERY_TESTS = {
  subscribers:
    'clients of SSE, GraphQL and /ws are disconnected at random while steps are committed; they reconnect and must receive every step once',
  webhooks:
    'the receiver of webhooks fails for a while; afterwards it must receive an event for every run that ended',
} as const;
export type DeliveryTestName = keyof typeof DELIVERY_TESTS;

export type Options = {
  names: readonly DeliveryTestName[];
  seed: number;
  /** Number of subscribers, divided equally among SSE, GraphQL and `/ws`. */
  clients: number;
  /** Duration of the commits, or of the receiver's failure. */
  seconds: number;
  /** Number of runs that are followed, or that end. */
  runs: number;
  json: boolean;
};

export const USAGE = `Usage: npm run soak -- [${Object.keys(DELIVERY_TESTS).join('] [')}] [--clients N] [--runs N] [--seconds N] [--seed S] [--json]`;

/** Parses the command line. Throws if it is invalid. The default seed comes from the clock. */
export function readOptions(argv: readonly string[], now: number): Options {
  const { values, positionals } = parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      clients: { type: 'string', default: '1000' },
      runs: { type: 'string', default: '100' },
      seconds: { type: 'string', default: '30' },
      seed: { type: 'string', default: String(now % 1_000_000) },
      json: { type: 'boolean', default: false },
    },
  });
  const all = Object.keys(DELIVERY_TESTS) as DeliveryTestName[];
  const unknown = positionals.find((name) => !(name in DELIVERY_TESTS));
  if (unknown !== undefined) {
    throw new Error(`unknown test: ${unknown}; use ${all.join(' or ')}`);
  }
  const parseNumber = (name: 'clients' | 'runs' | 'seconds' | 'seed'): number => {
    const least = name === 'seed' ? 0 : 1;
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= least) return value;
    throw new Error(`--${name} must be an integer of at least ${least}, not ${values[name]}`);
  };
  return {
    names: positionals.length === 0 ? all : all.filter((name) => positionals.includes(name)),
    seed: parseNumber('seed'),
    clients: parseNumber('clients'),
    seconds: parseNumber('seconds'),
    runs: parseNumber('runs'),
    json: values.json,
  };
}
