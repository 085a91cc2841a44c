import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export type Text = { _id: string; title?: string; text: string };

/** Documents with questions, and judgements of people about which document answers which. */
export type Collection = {
  name: string;
  documents: Text[];
  queries: Text[];
  /** The relevant documents of each query. */
  relevant: Map<string, Map<string, number>>;
};

/** Reads a collection of `HOWDAH_TEST_ASSETS`. */
export function readCollection(name: string): Collection {
  const folder = join(process.env.HOWDAH_TEST_ASSETS ?? '', `retrieval-${name}`);
  if (!existsSync(folder)) {
    throw new Error(`${folder} does not exist: set HOWDAH_TEST_ASSETS to the test data`);
  }
  const lines = (file: string) => readFileSync(join(folder, file), 'utf8').trim().split('\n');
  const texts = (file: string) => lines(file).map((line) => JSON.parse(line) as Text);
  const relevant: Collection['relevant'] = new Map();
  for (const line of lines('qrels.tsv').slice(1)) {
    const [query = '', document = '', score] = line.trim().split('\t');
    relevant.set(query, (relevant.get(query) ?? new Map()).set(document, Number(score)));
  }
  return { name, documents: texts('corpus.jsonl'), queries: texts('queries.jsonl'), relevant };
}

/** Returns the nDCG@10 of each judged query, in order. */
export async function ndcgOf(
  { queries, relevant }: Collection,
  find: (query: string) => Promise<string[]>,
): Promise<number[]> {
  const values: number[] = [];
  for (const { _id, text } of queries) {
    const judged = relevant.get(_id);
    if (!judged) continue;
    const gains = (await find(text)).slice(0, 10).map((id) => judged.get(id) ?? 0);
    const best = [...judged.values()].toSorted((a, b) => b - a).slice(0, 10);
    values.push(discounted(gains) / discounted(best));
  }
  return values;
}

const discounted = (gains: readonly number[]) =>
  gains.reduce((sum, gain, place) => sum + gain / Math.log2(place + 2), 0);

export const meanOf = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const RESAMPLES = 10_000;

/**
 * Returns the mean gain of one ranking over another on the same queries, with its 95 % interval
 * (paired bootstrap, the same in each run).
 */
export function gainOf(
  values: readonly number[],
  others: readonly number[],
): { mean: number; low: number; high: number } {
  const gains = values.map((value, at) => value - (others[at] ?? 0));
  const random = randomNumbers(1);
  const means = Array.from({ length: RESAMPLES }, () =>
    meanOf(gains.map(() => gains[Math.floor(random() * gains.length)] ?? 0)),
  ).toSorted((a, b) => a - b);
  const at = (share: number) => means[Math.floor(share * RESAMPLES)] ?? 0;
  return { mean: meanOf(gains), low: at(0.025), high: at(0.975) };
}

/** Returns a generator of numbers from 0 to 1 (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
