import { AsyncLocalStorage } from 'node:async_hooks';

const calls = new AsyncLocalStorage<string>();

/** Runs what a tool does so that a fault nobody waits for, now or later, is known to be its. */
export function asTool<T>(name: string, work: () => T): T {
  return calls.run(name, work);
}

/**
 * From now on a promise that a tool leaves behind and that fails, or an error in a timer of its, is told, and the process goes
 * on: it has the runs of others, and the same call would end the next worker, too. Any other fault ends the process as before.
 * For programs whose process is ours. Gives what ends this.
 */
export function outliveTools(say: (line: string) => void): () => void {
  const told = (error: unknown): void => {
    const tool = calls.getStore();
    if (tool === undefined) {
      end();
      throw error; // out of an uncaughtException handler it ends the process, with its stack
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say(`the tool ${tool} left a fault behind that nothing waits for: ${stack}`);
  };
  const end = (): void => {
    process.off('unhandledRejection', told);
    process.off('uncaughtException', told);
  };
  process.on('unhandledRejection', told);
  process.on('uncaughtException', told);
  return end;
}
