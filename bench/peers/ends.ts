/** The ends of runs that are chains of jobs: whoever began one waits, its last job tells. */
export function ends(): { of(id: string): Promise<void>; end(id: string): void } {
  const waiting = new Map<string, () => void>();
  return {
    of: (id) => new Promise((resolve) => waiting.set(id, resolve)),
    end(id) {
      waiting.get(id)?.();
      waiting.delete(id);
    },
  };
}
