import type { PinnedMemory } from '../../../contracts/agents/definition.ts';
import type { ExportedRun } from '../../../contracts/runs/exported-run.ts';
import type { Trust } from '../../../contracts/runs/trust.ts';

/**
 * Returns the pinned memories of the agent that had a run after step `last`, and the trust of all
 * pinned memories that the run had been given by then.
 */
export function recordedMemories(
  { handoffs = [], pinned_memories = [] }: ExportedRun,
  last: number,
): { memories: PinnedMemory[] | undefined; trusts: Trust[] } {
  const before = handoffs.filter(({ seq }) => seq <= last).length;
  return {
    memories: pinned_memories.find((one) => one.handoffs === before)?.memories,
    trusts: pinned_memories
      .filter((one) => one.handoffs <= before)
      .flatMap((one) => one.memories.map(({ trust }) => trust)),
  };
}
