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
    },
  });
  const unknown = positionals.filter((name) => name !== 'all' && !known.includes(name));
  if (unknown.length > 0) {
    throw new Error(`there is no bench ${unknown.join(', ')}; there are: ${known.join(', ')}, all`);
  }
  const isAll = positionals.length === 0 || positionals.includes('all');
  return {
    names: known.filter((name) => isAll || positionals.includes(name)),
    json: values.json,
    check: values.check,
    peers: values.peers,
    rounds: values.rounds === undefined ? undefined : count(values.rounds),
    write: values.write,
  };
}

function count(word: string): number {
  if (!/^[1-9]\d*$/.test(word)) {
    throw new Error(`--rounds wants a number of at least 1, not ${word}`);
  }
  return Number(word);
}
