import { readdirSync } from 'node:fs';
import type { Figure } from '../../../bench/figures.ts';
import type { BenchServer } from '../../../bench/server.ts';

const FOLDER = new URL('..', import.meta.url);

/** Input of a rehearsal. A rehearsal prints nothing itself: it logs lines and returns figures. */
export type RehearsalOptions = {
  /** Arguments behind the name on the command line, without `--json`. */
  argv: readonly string[];
  /** Prints a line about the progress, to stderr. */
  log(line: string): void;
  /**
   * Returns the server of BENCH_PG_URL, or an embedded one that is removed afterwards. The first
   * call starts it.
   */
  server(): Promise<BenchServer>;
};

/** Exports of a file in deploy/rehearsals. */
export type Rehearsal = {
  /** Says in one line what the rehearsal does. */
  title: string;
  /** Lines about its options, for `--help` and for errors of the command line. */
  usage?: string;
  /** Yields the figures. A figure that misses its bound fails the rehearsal. */
  run(options: RehearsalOptions): Promise<readonly Figure[]> | AsyncIterable<Figure>;
};

/** An error in the command line, for which the process exits with 2. */
export class UsageError extends Error {}

/** Lists the rehearsals: each file of the folder, except main.ts, is one. */
export function rehearsalNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith('.ts') && file !== 'main.ts')
    .map((file) => file.slice(0, -'.ts'.length))
    .toSorted();
}

/** Imports a rehearsal. Throws if its file lacks an export. */
export async function loadRehearsal(name: string): Promise<Rehearsal> {
  const { title, usage, run }: Partial<Rehearsal> = await import(
    new URL(`${name}.ts`, FOLDER).href
  );
  if (typeof title !== 'string' || typeof run !== 'function') {
    throw new Error(`deploy/rehearsals/${name}.ts must export title and run`);
  }
  return { title, run, ...(usage !== undefined && { usage }) };
}
