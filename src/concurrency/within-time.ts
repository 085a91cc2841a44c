import vm from 'node:vm';

const room = vm.createContext({ call: undefined });
const script = new vm.Script('call()');

/** Most attempts of a call that the machine gave little processor time. */
const MAX_ATTEMPTS = 4;

/**
 * Runs a pure function that may never end, and stops it after some time. Also stops a regular
 * expression. Costs a tenth of a millisecond. Throws `ERR_SCRIPT_EXECUTION_TIMEOUT`.
 *
 * The limit is real time. A process that was frozen, or a busy machine, may have given the thread
 * little of it. The function then runs again, unless it has used half of the time on a processor.
 *
 * Node starts a thread that watches the time. A busy machine may start that thread so late that it
 * reports a timeout of a function that has ended long ago. A function that has ended is never late.
 *
 * With a `growth`, each attempt may take so many times as long as the one before. On a busy
 * machine, a few milliseconds may pass before the function has even begun.
 */
export function withinTime<T>(ms: number, call: () => T, growth = 1): T {
  const before = usedMs();
  for (let attempt = 1; ; attempt += 1) {
    const outcome = runOnce(ms * growth ** (attempt - 1), call);
    if ('value' in outcome) return outcome.value;
    const isLast = attempt === MAX_ATTEMPTS || usedMs() - before >= ms / 2;
    if (isLast || !isOutOfTime(outcome.error)) throw outcome.error;
  }
}

type Outcome<T> = { value: T } | { error: unknown };

/** Runs a function up to a time. Its own outcome comes first: a timeout after it means nothing. */
function runOnce<T>(ms: number, call: () => T): Outcome<T> {
  const outcomes: Outcome<T>[] = [];
  room.call = () => {
    try {
      outcomes.push({ value: call() });
    } catch (error) {
      outcomes.push({ error });
    }
  };
  try {
    script.runInContext(room, { timeout: ms });
  } catch (error) {
    outcomes.push({ error });
  } finally {
    room.call = undefined;
  }
  return outcomes[0] as Outcome<T>;
}

/** Returns the processor time of this thread. Node 22 only knows that of the whole process. */
export function usedMs(): number {
  const { user, system } = (process.threadCpuUsage ?? process.cpuUsage)();
  return (user + system) / 1_000;
}

/** Returns whether an error is that of a function beyond its time. */
export function isOutOfTime(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
}
