import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { type ThreadFunction, ThreadPool } from './thread-pool.ts';
import { isOutOfTime, withinTime } from './within-time.ts';

// Code of ours that is pure and synchronous (a strategy, a plan of calls) may need to know what takes as long as a caller
// wants: whether a value fits a schema, whether a condition holds. Such a function is tried for a few milliseconds. If it
// does not come to an end the code that needs it is stopped, the function runs in a thread, and the code is run again,
// which now finds the result. So the event loop never waits, and the code stays synchronous.

/** A function that may take long, called in this thread and in another one. */
export type Offloadable<A extends unknown[], R> = ThreadFunction<A, R> & {
  deadline_ms: number;
  /** Calls it here. Throws, or runs into its deadline, as in a thread. */
  here(...args: A): R;
  /** False for arguments that are not tried here, not even for a moment. */
  isQuick?(...args: A): boolean;
};

type Result = { value: unknown } | { error: unknown };
type Scope = { key: string; results: Map<string, Result> };

/** Not an error: ends the code that needs a result, until there is one. Whoever catches errors lets it pass. */
class Suspension {
  readonly call: Offloadable<unknown[], unknown>;
  readonly args: unknown[];
  readonly id: string;

  constructor(call: Offloadable<unknown[], unknown>, args: unknown[], id: string) {
    this.call = call;
    this.args = args;
    this.id = id;
  }
}

/** As long as a function may keep the event loop waiting before it goes to a thread. */
const TRIAL_MS = 5;
/** What a tenant may use of the processor for such functions, here and in threads: a quarter of one. */
const BUDGET = { burst_ms: 500, share: 0.25 };
/** Results that are known without running the function again; of all keys, as the functions are pure. */
const MOST_KNOWN = 500;
/** Faults of threads that say nothing of the function. */
const PASSING: ReadonlySet<unknown> = new Set(['lost', 'busy']);

const threads = new ThreadPool({
  size: Math.min(2, availableParallelism()),
  of_one_key: 1,
  heap_mb: 128,
  budget: BUDGET,
});
const known = new Map<string, Result>();
let scope: Scope | undefined;

/**
 * Runs code that may call `offload`, for a tenant, as often as needed until all results are there. The code must be pure.
 * Rejects with what it throws, and with the reason of the signal when that fires first.
 */
export async function withOffload<T>(
  key: string,
  signal: AbortSignal | undefined,
  work: () => T,
): Promise<T> {
  const own: Scope = { key, results: new Map() };
  for (;;) {
    const done = attempt(own, work);
    if (!(done instanceof Suspension)) return done.value;
    own.results.set(done.id, await resultOf(done, key, signal));
  }
}

function attempt<T>(own: Scope, work: () => T): { value: T } | Suspension {
  const outer = scope;
  scope = own;
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof Suspension) return error;
    throw error;
  } finally {
    scope = outer;
  }
}

/**
 * The result of a function that may take long. Within `withOffload` it is computed in a thread when it does not come to an
 * end at once; elsewhere here, up to its deadline. Throws what the function throws, and `isOutOfTime` errors.
 */
export function offload<A extends unknown[], R>(call: Offloadable<A, R>, ...args: A): R {
  if (!scope) return withinTime(call.deadline_ms, () => call.here(...args));
  const id = idOf(call, args);
  const result = scope.results.get(id) ?? known.get(id);
  if (result) return given<R>(result);
  if ((call.isQuick?.(...args) ?? true) && mayWorkHere()) {
    const begun = performance.now();
    try {
      const value = withinTime(TRIAL_MS, () => call.here(...args));
      scope.results.set(id, { value }); // the code may be run again for the sake of another result
      return value;
    } catch (error) {
      if (!isOutOfTime(error)) throw error;
    } finally {
      countWorkHere(performance.now() - begun);
    }
  }
  throw new Suspension(call as unknown as Offloadable<unknown[], unknown>, args, id);
}

/** Whether what was caught only ends the code until a result is there: then it has to be thrown again. */
export function isSuspension(error: unknown): boolean {
  return error instanceof Suspension;
}

/** Whether the tenant may use this thread at all: not while it has used more than its budget. */
export function mayWorkHere(): boolean {
  return !scope || threads.isWithinBudget(scope.key);
}

/** Counts work of this thread that was done for the tenant. */
export function countWorkHere(work_ms: number): void {
  if (scope) threads.charge(scope.key, work_ms);
}

function given<R>(result: Result): R {
  if ('error' in result) throw result.error;
  return result.value as R;
}

async function resultOf(
  { call, args, id }: Suspension,
  key: string,
  signal: AbortSignal | undefined,
): Promise<Result> {
  const { deadline_ms } = call;
  const result = await threads.run(call, args, { key, deadline_ms, signal }).then(
    (value): Result => ({ value }),
    (error): Result => {
      signal?.throwIfAborted();
      return { error };
    },
  );
  const isPassing = 'error' in result && PASSING.has((result.error as { code?: string }).code);
  if (!isPassing) known.set(id, result);
  if (known.size > MOST_KNOWN) known.delete(known.keys().next().value as string);
  return result;
}

function idOf({ module, name }: ThreadFunction<never[], unknown>, args: unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify([module, name, args]))
    .digest('base64');
}
