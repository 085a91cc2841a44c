import type { CommandEntry } from './command-entry.ts';

/** The commands that show what the engine does here, on servers and databases made for them. */
export const proofCommands: readonly CommandEntry[] = [
  {
    name: 'bench',
    summary: 'how fast the engine is here, on databases made for it and dropped',
    args: '[NAME...]',
    load: () => import('./commands/bench.ts'),
  },
  {
    name: 'chaos',
    summary: 'whether it keeps its promises while everything breaks, on a server made for it',
    load: () => import('./commands/chaos.ts'),
  },
];
