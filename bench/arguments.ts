import { parseArgs } from 'node:util';

export type Options = {
  /** The benches to run, in the order of the table. */
  names: string[];
  json: boolean;
  check: boolean;
  peers: boolean;
  rounds: number | undefined;
  /** The Markdown file to write the tables to. */
  write: string | undefined;
  /** The folder of another checkout to compare with. */
  against: string | undefined;
};

/** What a command line asks for; throws a sentence for the person who wrote it. */
export function parseArguments(words: readonly string[], known: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    allowNegative: true,
    options: {
      json: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      peers: { type: 'boolean', default: true },
      rounds: { type: 'string' },
      write: { type: 'string' },
      against: { type: 'string' },
    },
  });
  const unknown = positionals.filter((name) => name !== 'all' && !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`there is no bench ${unknown.join(', ')}; there are: ${known.join(', ')}, all`);
  }
  if (values.against !== undefined && (values.check || values.write !== undefined)) {
    throw new Error('--against compares figures, and goes with neither --check nor --write');
  }
  const isAll = positionals.length === 0 || positionals.includes('all');
  return {
    names: known.filter((name) => isAll || positionals.includes(name)),
    json: values.json,
    check: values.check,
    peers: values.peers,
    rounds: values.rounds === undefined ? undefined : count(values.rounds),
    write: values.write,
    against: values.against,
  };
}

function count(word: string): number {
  if (!/^[1-9]\d*$/.test(word)) {
    throw new Error(`--rounds wants a number of at least 1, not ${word}`);
  }
  return Number(word);
}
