/**
 * Creates a register of the ends of runs, for systems whose runs are chains of jobs. `wait`
 * resolves when the last job of the run has called `end`.
 */
export function createRunEnds(): { wait(id: string): Promise<void>; end(id: string): void } {
  const waiting = new Map<string, () => void>();
  return {
    wait: (id) => new Promise((resolve) => waiting.set(id, resolve)),
    end(id) {
      waiting.get(id)?.();
      waiting.delete(id);
    },
  };
}
