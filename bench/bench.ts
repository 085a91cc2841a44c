import type { Figure } from './figures.ts';
import type { BenchServer } from './server.ts';

/** What a bench may use: a server to make databases on, and a line of talk for the person who waits. */
export type BenchContext = { server: BenchServer; talk(line: string): void };
export type Bench = (context: BenchContext) => Promise<Figure[]>;
