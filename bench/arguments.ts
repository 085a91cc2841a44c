import { parseArgs } from 'node:util';

export type Options = {
  /** The benches to run, in the order of `BENCHES`. */
  names: string[];
  json: boolean;
  check: boolean;
  peers: boolean;
  rounds: number | undefined;
  /** Whether `steps` measures what a limit of tokens adds to a step, and nothing else. */
  withLimit: boolean;
  /** The Markdown file that receives the tables. */
  write: string | undefined;
  /** The folder of the other checkout of a comparison. */
  against: string | undefined;
};

/**
 * Parses the command line of `npm run bench`. `known` are the names of all benches. Throws an error
 * whose message is for the user.
 */
export function parseArguments(args: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    allowNegative: true,
    options: {
      json: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: true },
      rounds: { type: 'string' },
      'with-limit': { type: 'boolean', default: false },
      write: { type: 'string' },
      against: { type: 'string' },
    },
  });
  const unknown = positionals.filter((name) => name !== 'all' && !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`there is no bench ${unknown.join(', ')}; there are: ${known.join(', ')}, all`);
  }
  if (values.against !== undefined && (values.check || values.write !== undefined)) {
    throw new Error('--against can be combined with neither --check nor --write');
  }
  if (values['with-limit'] && (values.check || values.write !== undefined || values.against)) {
    throw new Error('--with-limit can be combined with none of --check, --write and --against');
  }
  const isAll = positionals.length === 0 || positionals.includes('all');
  return {
    names: known.filter((name) => isAll || positionals.includes(name)),
    json: values.json,
    check: values.check,
    peers: values.peers,
    rounds: values.rounds === undefined ? undefined : parseRounds(values.rounds),
    withLimit: values['with-limit'],
    write: values.write,
    against: values.against,
  };
}

function parseRounds(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) {
    throw new Error(`--rounds must be a whole number of at least 1, not ${text}`);
  }
  return Number(text);
}
