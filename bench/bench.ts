import type { Figure } from './figures.ts';
import type { BenchServer } from './server.ts';

/** The means of a bench: a server on which it creates databases, and a line of progress. */
export type BenchContext = {
  server: BenchServer;
  /** Prints a line of progress. */
  talk(line: string): void;
  /** Returns the number of rounds to measure: `--rounds`, else the usual number of the bench. */
  rounds(usual: number): number;
  /** Whether `steps` compares rounds with and without a limit of tokens: `--with-limit`. */
  withLimit: boolean;
  /** Returns whether a peer of `systems.ts` is to be measured. */
  has(system: string): boolean;
};

/** A benchmark: measures and returns its figures. */
export type Bench = (context: BenchContext) => Promise<Figure[]>;
