import type { Figure } from './figures.ts';
import type { BenchServer } from './server.ts';

/** What a bench may use: a server to make databases on, and a line of talk for the person who waits. */
export type BenchContext = {
  server: BenchServer;
  talk(line: string): void;
  /** How many rounds to measure: what `--rounds` says, else what the bench takes for enough. */
  rounds(usual: number): number;
  /** Whether a system of `systems.ts` can be measured here. */
  has(system: string): boolean;
};
export type Bench = (context: BenchContext) => Promise<Figure[]>;
