import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { type ThreadFunction, ThreadPool } from './thread-pool.ts';
import { isOutOfTime, usedMs, withinTime } from './within-time.ts';

// Pure, synchronous code (a strategy, a plan of calls) may need a function whose time depends on a
// caller: whether a value fits a schema, whether a condition holds. Such a function is tried for a
// few milliseconds. If the trial does not end in time, the code is stopped, the function runs in a
// thread, and the code runs again and finds the result. The event loop never waits, and the code
// stays synchronous. A function that may end its process is not tried, and runs in another process.

/** A function that may take long, called in this thread or in another one. */
export type Offloadable<A extends unknown[], R> = ThreadFunction<A, R> & {
  deadline_ms: number;
  /** Calls the function in this thread. Throws, or reaches its deadline, as it does in a thread. */
  callHere(...args: A): R;
  /** Returns false for arguments that go to a thread without a trial. */
  mayTryHere?(...args: A): boolean;
  /**
   * `process`: the function may end the process that runs it. It is never tried here, and needs
   * `withOffload`.
   */
  runsIn?: 'process';
};

type Result = { value: unknown } | { error: unknown };
type Scope = {
  key: string;
  results: Map<string, Result>;
  /** The processor time that the code may still spend on such functions in this thread. */
  left_ms: number;
  /** Digests of long arguments, so that code that runs again does not read them again. */
  digests: Map<string, string>;
};

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
 * A trial that had too little processor time is repeated with a longer time. It ends at the latest
 * when it has used half of `TRIAL_MS` on a processor.
 */
const TRIAL_GROWTH = 4;
/**
 * The processor time of a tenant for such functions, in this thread and others: a quarter of one
 * processor.
 */
const BUDGET = { burst_ms: 500, share: 0.25 };
/**
 * The processor time of one call of `withOffload` for such functions in this thread, whatever their
 * number. The event loop waits for no longer, plus one function.
 */
const MAX_HERE_MS = 20;
/** Arguments that are at least so long are hashed once. */
const LONG_ARGUMENT = 1_000;
/** Most cached results. All keys share the cache, since the functions are pure. */
const MAX_CACHED = 500;
/** Most characters, names and values of a cached result. */
const MAX_CACHED_SIZE = 10_000;
/** Faults of a thread that do not depend on the function. */
const TEMPORARY: ReadonlySet<unknown> = new Set(['lost', 'busy']);

const threads = new ThreadPool({
  size: Math.min(2, availableParallelism()),
  max_per_key: 1,
  heap_mb: 128,
  budget: BUDGET,
});
const processes = new ThreadPool({
  size: 2,
  max_per_key: 1,
  heap_mb: 64,
  runs_in: 'process',
  idle_ms: 5 * 60_000,
  max_calls: 1_000,
  budget: BUDGET,
});
/** Attempts of a call whose thread was lost. */
const ATTEMPTS = 3;
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
  const own: Scope = { key, results: new Map(), left_ms: MAX_HERE_MS, digests: new Map() };
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
  if (!scope) {
    if (call.runsIn) throw new Error(`${call.name} runs in a process: call it in withOffload`);
    return withinTime(call.deadline_ms, () => call.callHere(...args));
  }
  const id = idOf(call, args, scope.digests);
  const result = scope.results.get(id) ?? cache.get(id);
  if (result) return unwrap<R>(result);
  if (!call.runsIn && (call.mayTryHere?.(...args) ?? true) && mayWorkHere()) {
    const before = usedMs();
    try {
      const value = withinTime(TRIAL_MS, () => call.callHere(...args), TRIAL_GROWTH);
      scope.results.set(id, { value }); // the code may run again to get another result
      return value;
    } catch (error) {
      if (!isOutOfTime(error)) throw error;
    } finally {
      countWorkHere(usedMs() - before); // not the time in which other processes ran
    }
  }
  throw new Suspension(call as unknown as Offloadable<unknown[], unknown>, args, id);
}

/** Returns whether an error is a suspension, which must be rethrown. */
export function isSuspension(error: unknown): boolean {
  return error instanceof Suspension;
}

/**
 * Returns whether code may use this thread: false when the call of `withOffload` has used its time,
 * and while its tenant has exceeded its budget.
 */
export function mayWorkHere(): boolean {
  return !scope || (scope.left_ms > 0 && threads.isWithinBudget(scope.key));
}

/** Charges the call of `withOffload` and its tenant for work in this thread. */
export function countWorkHere(work_ms: number): void {
  if (!scope) return;
  scope.left_ms -= work_ms;
  threads.charge(scope.key, work_ms);
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
  const result = await callElsewhere(call, args, key, signal);
  if (!TEMPORARY.has(faultCode(result)) && isSmall(result)) cache.set(id, result);
  if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value as string);
  return result;
}

async function callElsewhere(
  call: Offloadable<unknown[], unknown>,
  args: unknown[],
  key: string,
  signal: AbortSignal | undefined,
): Promise<Result> {
  const pool = call.runsIn ? processes : threads;
  const { deadline_ms } = call;
  for (let attempt = 1; ; attempt += 1) {
    const result = await pool.run(call, args, { key, deadline_ms, signal }).then(
      (value): Result => ({ value }),
      (error): Result => {
        signal?.throwIfAborted();
        return { error };
      },
    );
    if (faultCode(result) !== 'lost' || attempt === ATTEMPTS) return result;
  }
}

function faultCode(result: Result): string | undefined {
  return 'error' in result ? (result.error as { code?: string }).code : undefined;
}

/** Returns whether a result may be cached. */
function isSmall(result: Result): boolean {
  let left = MAX_CACHED_SIZE;
  const subtract = (value: unknown): boolean => {
    left -= typeof value === 'string' ? value.length : 1;
    if (left < 0 || typeof value !== 'object' || value === null) return left >= 0;
    return Object.entries(value).every(([name, one]) => {
      left -= name.length;
      return subtract(one);
    });
  };
  return subtract(result);
}

function idOf(
  { module, name }: ThreadFunction<never[], unknown>,
  args: unknown[],
  digests: Map<string, string>,
): string {
  const known = args.map((arg) => {
    if (typeof arg !== 'string' || arg.length < LONG_ARGUMENT) return { arg };
    const digest = digests.get(arg) ?? digestOf(arg);
    digests.set(arg, digest);
    return { digest };
  });
  return digestOf(JSON.stringify([module, name, known]));
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
