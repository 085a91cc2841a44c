import { AsyncLocalStorage } from 'node:async_hooks';

const calls = new AsyncLocalStorage<string>();

/**
 * Runs the code of a tool. Unhandled errors of the code, now or later, are attributed to the tool.
 */
export function asTool<T>(name: string, work: () => T): T {
  return calls.run(name, work);
}

/**
 * Reports unhandled rejections and timer errors of tools from now on, and keeps the process
 * running. The process has the runs of others, and the same call would end the next worker too. Any
 * other error ends the process as before. Only for programs that own their process. Returns a
 * function that stops the reports.
 */
export function surviveToolErrors(say: (line: string) => void): () => void {
  const report = (error: unknown): void => {
    const tool = calls.getStore();
    if (tool === undefined) {
      end();
      // thrown in an uncaughtException handler, the error ends the process with its stack
      throw error;
    }
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    say(`the tool ${tool} caused an unhandled error: ${stack}`);
  };
  const end = (): void => {
    process.off('unhandledRejection', report);
    process.off('uncaughtException', report);
  };
  process.on('unhandledRejection', report);
  process.on('uncaughtException', report);
  return end;
}
