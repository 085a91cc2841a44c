import { type ResourceLimits, Worker } from 'node:worker_threads';
import { FairQueue } from './fair-queue.ts';
import type { Budget } from './key-accounts.ts';

/** A function that a module exports, with arguments and a result that can be copied (structured clone). */
export type ThreadFunction<A extends unknown[], R> = {
  /** The URL of the module: see `moduleBeside`. */
  module: string;
  name: string;
  /** Only for types; never there. */
  types?: (...args: A) => R | Promise<R>;
};

export type ThreadCall = {
  /** Whose turn and budget it is: a tenant. */
  key: string;
  /** What the function may take, from the moment that the thread has loaded its module. */
  deadline_ms: number;
  signal?: AbortSignal | undefined;
};

export type ThreadPoolOptions = {
  /** The most threads; each is started when it is needed and ended when it had nothing to do for a while. */
  size: number;
  /** How many of them one key may have at work; undefined for all. */
  of_one_key?: number;
  /** The thread's own heap. What it cannot hold ends the thread, and nothing else. */
  heap_mb?: number;
  /** What a key may use of the processor; undefined without a bound. */
  budget?: Budget;
  /** The most calls of a key that wait; a further one is refused. */
  most_waiting?: number;
};

/**
 * Why a call gave no result.
 * - `deadline`: the function took longer than it may
 * - `memory`: it needed more than the heap of its thread
 * - `lost`: the thread ended, or did not start, for another reason
 * - `busy`: too many calls of the key wait
 */
export class ThreadFault extends Error {
  readonly code: 'deadline' | 'memory' | 'lost' | 'busy';

  constructor(code: ThreadFault['code'], message: string) {
    super(message);
    this.code = code;
  }
}

/** What goes into a thread, and what comes out of it. */
export type ThreadRequest = { module: string; name: string; args: unknown[]; deadline_ms: number };
export type ThreadReply =
  | 'begun'
  | { result: unknown }
  | { error: { message: string; code: unknown } }
  | { isLate: true };

/** What a function may take beyond its deadline to come to an end by itself: after that its thread is ended. */
const GRACE_MS = 250;
const START_MS = 10_000;
const IDLE_MS = 30_000;
const PROGRAM = moduleBeside('./thread.ts', import.meta.url);

/** The URL of a module of ours by its path from another one, from the sources (`.ts`) and from the package (`.js`). */
export function moduleBeside(path: string, base: string): string {
  return new URL(base.endsWith('.ts') ? path : path.replace(/\.ts$/, '.js'), base).href;
}

/**
 * Threads that run functions whose time or memory a caller chooses, so that the event loop of this process goes on. A
 * function that overruns its deadline is interrupted; where that does not help its thread is terminated and replaced.
 * Keys take turns.
 */
export class ThreadPool {
  readonly #queue: FairQueue;
  readonly #limits: ResourceLimits;
  readonly #mostWaiting: number;
  readonly #idle = new Set<Worker>();

  constructor({ size, of_one_key, heap_mb = 64, budget, most_waiting }: ThreadPoolOptions) {
    this.#queue = new FairQueue({ places: size, of_one_key, budget });
    this.#limits = {
      maxOldGenerationSizeMb: heap_mb,
      maxYoungGenerationSizeMb: 16,
      stackSizeMb: 4,
    };
    this.#mostWaiting = most_waiting ?? Number.POSITIVE_INFINITY;
  }

  /** The threads that wait for a call. */
  get idle(): ReadonlySet<Worker> {
    return this.#idle;
  }

  /** Whether a key has repaid what it used of the processor: otherwise its calls wait. */
  isWithinBudget(key: string): boolean {
    return this.#queue.isWithinBudget(key);
  }

  /** Counts work for a key that was done elsewhere. */
  charge(key: string, used_ms: number): void {
    this.#queue.charge(key, used_ms);
  }

  /**
   * Calls a function in a thread when it is the key's turn. Rejects with `ThreadFault`, with the message and `code` of what
   * the function throws, and with the reason of the signal when that fires; nothing of the call runs any more then.
   */
  async run<A extends unknown[], R>(
    { module, name }: ThreadFunction<A, R>,
    args: A,
    { key, deadline_ms, signal }: ThreadCall,
  ): Promise<R> {
    if (this.#queue.waitingOf(key) >= this.#mostWaiting) {
      throw new ThreadFault('busy', 'too many calls wait for a thread; try again in a moment');
    }
    return this.#queue.run(key, signal, async () => {
      const worker = this.#take() ?? this.#begin();
      worker.ref();
      const reply = await callIn(worker, { module, name, args, deadline_ms }, signal);
      this.#keep(worker);
      if ('error' in reply) {
        throw Object.assign(new Error(reply.error.message), { code: reply.error.code });
      }
      if ('isLate' in reply) throw late(deadline_ms);
      return reply.result as R;
    });
  }

  #begin(): Worker {
    const worker = new Worker(new URL(PROGRAM), {
      ...{ env: {}, execArgv: [], stdin: false, stdout: true, stderr: true },
      resourceLimits: this.#limits,
    });
    worker.on('error', () => {}); // the call at work hears of it
    worker.on('exit', () => this.#idle.delete(worker));
    return worker;
  }

  #take(): Worker | undefined {
    const [worker] = this.#idle;
    if (worker) this.#idle.delete(worker);
    return worker;
  }

  #keep(worker: Worker): void {
    worker.unref(); // a process that has nothing else to do ends
    this.#idle.add(worker);
    const idle = setTimeout(() => {
      if (this.#idle.delete(worker)) void worker.terminate();
    }, IDLE_MS);
    idle.unref();
    worker.once('message', () => clearTimeout(idle)); // it was taken for another call
  }
}

/** Resolves with what the thread replies; where there is no reply the thread is terminated before this rejects. */
function callIn(
  worker: Worker,
  request: ThreadRequest,
  signal: AbortSignal | undefined,
): Promise<Exclude<ThreadReply, 'begun'>> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      worker.off('message', hear).off('messageerror', fail).off('error', fail).off('exit', fail);
      signal?.removeEventListener('abort', abort);
    };
    const stop = async (reason: unknown): Promise<void> => {
      end();
      await worker.terminate();
      reject(reason);
    };
    const hear = (reply: ThreadReply): void => {
      clearTimeout(timer);
      if (reply === 'begun') {
        timer = setTimeout(stop, request.deadline_ms + GRACE_MS, late(request.deadline_ms));
      } else {
        end();
        resolve(reply);
      }
    };
    const fail = (error: unknown): void => void stop(faultOf(error));
    const abort = (): void => void stop(signal?.reason);
    let timer = setTimeout(stop, START_MS, new ThreadFault('lost', 'the thread did not start'));
    worker.on('message', hear).once('messageerror', fail).once('error', fail).once('exit', fail);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      worker.postMessage(request);
    } catch (error) {
      void stop(error); // arguments that cannot be copied
    }
    if (signal?.aborted) abort();
  });
}

function late(deadline_ms: number): ThreadFault {
  return new ThreadFault('deadline', `it was stopped: it took more than ${deadline_ms} ms`);
}

function faultOf(error: unknown): ThreadFault {
  return (error as { code?: string } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? new ThreadFault('memory', 'it was stopped: it needed more memory than it may have')
    : new ThreadFault('lost', 'its thread ended');
}
