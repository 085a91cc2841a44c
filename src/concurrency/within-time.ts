import vm from 'node:vm';

const room = vm.createContext({ call: undefined });
const script = new vm.Script('call()');

/** Most attempts of a call that the machine gave little processor time. */
const MOST_ATTEMPTS = 4;

/**
 * Runs a pure function that may never end, and stops it after some time. Also stops a regular
 * expression. Costs a tenth of a millisecond. Throws `ERR_SCRIPT_EXECUTION_TIMEOUT`.
 *
 * The limit is real time. A process that was frozen, or a busy machine, may have given the thread
 * little of it. The function then runs again, unless it has used half of the time on a processor.
 */
export function withinTime<T>(ms: number, call: () => T): T {
  const before = usedMs();
  for (let attempt = 1; ; attempt += 1) {
    room.call = call;
    try {
      return script.runInContext(room, { timeout: ms });
    } catch (error) {
      const isLast = attempt === MOST_ATTEMPTS || usedMs() - before >= ms / 2;
      if (isLast || !isOutOfTime(error)) throw error;
    } finally {
      room.call = undefined;
    }
  }
}

/** Returns the processor time of this thread. Node 22 only knows that of the whole process. */
function usedMs(): number {
  const { user, system } = (process.threadCpuUsage ?? process.cpuUsage)();
  return (user + system) / 1_000;
}

/** Returns whether an error is that of a function beyond its time. */
export function isOutOfTime(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
