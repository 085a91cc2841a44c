import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { type ThreadFunction, ThreadPool } from './thread-pool.ts';
import { isOutOfTime, withinTime } from './within-time.ts';

// Pure, synchronous code (a strategy, a plan of calls) may need a function whose time depends on a
// caller: whether a value fits a schema, whether a condition holds. Such a function is tried for a
// few milliseconds. If the trial does not end in time, the code is stopped, the function runs in a
// thread, and the code runs again and finds the result. The event loop never waits, and the code
// stays synchronous.

/** A function that may take long, called in this thread or in another one. */
export type Offloadable<A extends unknown[], R> = ThreadFunction<A, R> & {
  deadline_ms: number;
  /** Calls the function in this thread. Throws, or reaches its deadline, as it does in a thread. */
  callHere(...args: A): R;
  /** Returns false for arguments that go to a thread without a trial. */
  mayTryHere?(...args: A): boolean;
};

type Result = { value: unknown } | { error: unknown };
type Scope = { key: string; results: Map<string, Result> };

/**
 * Stops code until a result is there. A suspension is no error: code that catches errors rethrows
 * it.
 */
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

/** The longest trial of a function in the event loop. */
const TRIAL_MS = 5;
/**
 * The processor time of a tenant for such functions, in this thread and others: a quarter of one
 * processor.
 */
const BUDGET = { burst_ms: 500, share: 0.25 };
/** Most cached results. All keys share the cache, since the functions are pure. */
const MOST_CACHED = 500;
/** Faults of a thread that do not depend on the function. */
const TEMPORARY: ReadonlySet<unknown> = new Set(['lost', 'busy']);

const threads = new ThreadPool({
  size: Math.min(2, availableParallelism()),
  max_per_key: 1,
  heap_mb: 128,
  budget: BUDGET,
});
const cache = new Map<string, Result>();
let scope: Scope | undefined;

/**
 * Runs pure code that calls `offload`, for a tenant, until all results are there. Returns a promise
 * only if a thread has to work, since most code never waits. Throws or rejects with what the code
 * throws, and with the reason of the signal when the signal fires first.
 */
export function withOffload<T>(
  key: string,
  signal: AbortSignal | undefined,
  work: () => T,
): T | Promise<T> {
  const own: Scope = { key, results: new Map() };
  const done = attempt(own, work);
  return done instanceof Suspension ? whenResumed(done, own, signal, work) : done.value;
}

async function whenResumed<T>(
  suspended: Suspension,
  own: Scope,
  signal: AbortSignal | undefined,
  work: () => T,
): Promise<T> {
  for (let done: { value: T } | Suspension = suspended; ; done = attempt(own, work)) {
    if (!(done instanceof Suspension)) return done.value;
    own.results.set(done.id, await resultOf(done, own.key, signal));
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
 * Returns the result of a function that may take long. Within `withOffload`, a function that does
 * not end at once runs in a thread. Elsewhere it runs here up to its deadline. Throws what the
 * function throws, and `isOutOfTime` errors.
 */
export function offload<A extends unknown[], R>(call: Offloadable<A, R>, ...args: A): R {
  if (!scope) return withinTime(call.deadline_ms, () => call.callHere(...args));
  const id = idOf(call, args);
  const result = scope.results.get(id) ?? cache.get(id);
  if (result) return unwrap<R>(result);
  if ((call.mayTryHere?.(...args) ?? true) && mayWorkHere()) {
    const startedAt = performance.now();
    try {
      const value = withinTime(TRIAL_MS, () => call.callHere(...args));
      scope.results.set(id, { value }); // the code may run again to get another result
      return value;
    } catch (error) {
      if (!isOutOfTime(error)) throw error;
    } finally {
      countWorkHere(performance.now() - startedAt);
    }
  }
  throw new Suspension(call as unknown as Offloadable<unknown[], unknown>, args, id);
}

/** Returns whether an error is a suspension, which must be rethrown. */
export function isSuspension(error: unknown): boolean {
  return error instanceof Suspension;
}

/** Returns whether the tenant may use this thread: false while it has exceeded its budget. */
export function mayWorkHere(): boolean {
  return !scope || threads.isWithinBudget(scope.key);
}

/** Charges the tenant for work in this thread. */
export function countWorkHere(work_ms: number): void {
  if (scope) threads.charge(scope.key, work_ms);
}

function unwrap<R>(result: Result): R {
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
  const isTemporary = 'error' in result && TEMPORARY.has((result.error as { code?: string }).code);
  if (!isTemporary) cache.set(id, result);
  if (cache.size > MOST_CACHED) cache.delete(cache.keys().next().value as string);
  return result;
}

function idOf({ module, name }: ThreadFunction<never[], unknown>, args: unknown[]): string {
  return createHash('sha256')
    .update(JSON.stringify([module, name, args]))
    .digest('base64');
}
