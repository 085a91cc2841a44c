import type { CommandEntry } from './command-entry.ts';

/** The commands that show what the engine does here, on servers and databases made for them. */
export const proofCommands: readonly CommandEntry[] = [
  {
    name: 'bench',
    summary: 'measure the speed of the engine on temporary databases',
    args: '[NAME...]',
    load: () => import('./commands/bench.ts'),
  },
  {
    name: 'chaos',
    summary: 'test the guarantees while faults are injected, on a temporary server',
    load: () => import('./commands/chaos.ts'),
  },
];
