import type { Figure } from '../../../bench/figures.ts';
import type { BenchServer } from '../../../bench/server.ts';

/** What a rehearsal is given. It prints nothing itself: it talks, and gives back figures. */
export type RehearsalOptions = {
  /** The words behind its name on the command line, but for `--json`: it reads them itself, with parseArgs. */
  words: readonly string[];
  /** What a person who looks on wants to know; goes to stderr. */
  talk(line: string): void;
  /** BENCH_PG_URL, else an embedded server that is removed afterwards; started when first asked for. */
  server(): Promise<BenchServer>;
};

/** A file of deploy/rehearsals/: figures come back as a list or one by one; one that does not hold fails the rehearsal. */
export type Rehearsal = {
  /** What is shown, in one line. */
  title: string;
  /** Lines about the options, for `--help` and for a wrong option. */
  usage?: string;
  run(options: RehearsalOptions): Promise<readonly Figure[]> | AsyncIterable<Figure>;
};

/** Words on the command line that nobody understands; the process exits with 2. */
export class UsageError extends Error {}
