import { Worker } from 'node:worker_threads';
import { FairQueue } from './fair-queue.ts';
import type { Budget } from './key-accounts.ts';
import type { PoolWorker } from './threads/pool-worker.ts';
import { startProcess } from './threads/start-process.ts';
import { afterAwakeTime } from './within-awake-time.ts';

/**
 * An exported function of a module, with arguments and a result that can be copied (structured
 * clone).
 */
export type ThreadFunction<A extends unknown[], R> = {
  /** The URL of the module: see `moduleBeside`. */
  module: string;
  name: string;
  /** A property for type inference alone; it is never set. */
  types?: (...args: A) => R | Promise<R>;
};

export type ThreadCall = {
  /** The key for turns and budget: a tenant. */
  key: string;
  /**
   * The time limit of the function, counted from when the thread has loaded its module. Of an
   * asynchronous function, what runs until it first waits has this limit, and what follows too.
   */
  deadline_ms: number;
  signal?: AbortSignal | undefined;
};

export type ThreadPoolOptions = {
  /** Most threads. A thread starts on demand and ends after some time without a call. */
  size: number;
  /** Most threads of one key; undefined for all. */
  max_per_key?: number;
  /**
   * Whether calls run in threads, or in processes. A function that makes lists or texts of any size
   * needs a process: V8 ends the whole process for some sizes, whatever the limits of the thread.
   */
  runs_in?: 'thread' | 'process';
  /** The heap of each thread. A call that exceeds it ends its thread alone. */
  heap_mb?: number;
  /**
   * The memory of each process with its buffers, which no heap counts. A call that exceeds it ends
   * its process alone. If the process had calls before, which may have left the memory, the call
   * runs once more in a new one. Undefined for no limit, and for threads.
   */
  memory_mb?: number;
  /** How long a thread without a call is kept. */
  idle_ms?: number;
  /** Most calls of one thread, which is then replaced; undefined for no limit. */
  max_calls?: number;
  /** The processor time of one key; undefined for no limit. */
  budget?: Budget;
  /** Most waiting calls of one key; further calls are rejected. */
  max_waiting?: number;
};

/**
 * The reason why a call returned no result.
 * - `deadline`: the function exceeded its deadline
 * - `memory`: the function exceeded the heap of its thread
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

/** The message to a thread, and its replies. */
export type ThreadRequest = { module: string; name: string; args: unknown[]; deadline_ms: number };
export type ThreadReply =
  | 'started'
  | 'awaiting'
  | { result: unknown }
  | { error: { message: string; code: unknown } }
  | { isLate: true };
type Reply = Exclude<ThreadReply, string>;

/**
 * The time a function has beyond its deadline to stop by itself before its thread is terminated.
 */
const GRACE_MS = 250;
/** `withinTime` tries a function again that the machine gave little processor time. */
const ATTEMPTS = 4;
const START_MS = 10_000;
const IDLE_MS = 30_000;

/** Returns the most time of a call in its thread, without what it waits for its turn. */
export const maxCallMs = (deadline_ms: number): number =>
  START_MS + (1 + ATTEMPTS + 1) * deadline_ms + 2 * GRACE_MS; // a first try in a used process

const PROGRAM = moduleBeside('./thread.ts', import.meta.url);

/**
 * Returns the URL of a module relative to another one, in the sources (`.ts`) and in the package
 * (`.js`).
 */
export function moduleBeside(path: string, base: string): string {
  return new URL(base.endsWith('.ts') ? path : path.replace(/\.ts$/, '.js'), base).href;
}

/**
 * A pool of threads for functions whose time or memory a caller decides, so that they do not block
 * the event loop. A function beyond its deadline is interrupted. If that fails, its thread is
 * terminated and replaced. Keys take turns.
 */
export class ThreadPool {
  readonly #queue: FairQueue;
  readonly #options: ThreadPoolOptions;
  readonly #mostWaiting: number;
  readonly #maxCalls: number;
  readonly #idle = new Set<PoolWorker>();
  readonly #calls = new WeakMap<PoolWorker, number>();

  constructor(options: ThreadPoolOptions) {
    const { size, max_per_key, budget } = options;
    this.#queue = new FairQueue({ places: size, max_per_key, budget });
    this.#options = options;
    this.#mostWaiting = options.max_waiting ?? Number.POSITIVE_INFINITY;
    this.#maxCalls = options.max_calls ?? Number.POSITIVE_INFINITY;
  }

  /** The threads without a call. */
  get idle(): ReadonlySet<PoolWorker> {
    return this.#idle;
  }

  /** Returns whether a key has repaid its use of the processor. Otherwise its calls wait. */
  isWithinBudget(key: string): boolean {
    return this.#queue.isWithinBudget(key);
  }

  /** Charges a key for work outside the pool. */
  charge(key: string, used_ms: number): void {
    this.#queue.charge(key, used_ms);
  }

  /**
   * Calls a function in a thread when the key's turn has come. Rejects with `ThreadFault`, with the
   * message and `code` of what the function throws, or with the reason of the signal. After a
   * rejection nothing of the call runs any more.
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
      const reply = await this.#call({ module, name, args, deadline_ms }, signal);
      if ('error' in reply) {
        throw Object.assign(new Error(reply.error.message), { code: reply.error.code });
      }
      if ('isLate' in reply) throw deadlineFault(deadline_ms);
      return reply.result as R;
    });
  }

  /** Calls a function in an idle worker, or in a new one. */
  async #call(request: ThreadRequest, signal: AbortSignal | undefined): Promise<Reply> {
    const startedAt = performance.now();
    const used = this.#take();
    try {
      return await this.#callIn(used ?? this.#start(), request, signal);
    } catch (error) {
      const isOfEarlierCalls = used !== undefined && this.#options.memory_mb !== undefined;
      const isMemory = error instanceof ThreadFault && error.code === 'memory';
      if (!isOfEarlierCalls || !isMemory) throw error;
      if (performance.now() - startedAt > request.deadline_ms) {
        throw new ThreadFault('lost', 'the process of the function ended: its memory was used up');
      }
      return await this.#callIn(this.#start(), request, signal);
    }
  }

  async #callIn(worker: PoolWorker, request: ThreadRequest, signal: AbortSignal | undefined) {
    worker.ref();
    const reply = await callIn(worker, request, signal);
    this.#makeIdle(worker);
    return reply;
  }

  #start(): PoolWorker {
    const { heap_mb = 64, memory_mb, runs_in } = this.#options;
    const worker =
      runs_in === 'process'
        ? startProcess(PROGRAM, heap_mb, memory_mb)
        : startThread(PROGRAM, heap_mb);
    worker.on('error', () => {}); // the running call handles it
    worker.on('exit', () => this.#idle.delete(worker));
    return worker;
  }

  #take(): PoolWorker | undefined {
    const [worker] = this.#idle;
    if (worker) this.#idle.delete(worker);
    return worker;
  }

  #makeIdle(worker: PoolWorker): void {
    const calls = (this.#calls.get(worker) ?? 0) + 1;
    this.#calls.set(worker, calls);
    if (calls >= this.#maxCalls) return void worker.terminate();
    this.#idle.add(worker);
    const idle = setTimeout(() => {
      if (this.#idle.delete(worker)) void worker.terminate();
    }, this.#options.idle_ms ?? IDLE_MS);
    idle.unref();
    worker.once('message', () => clearTimeout(idle)); // the thread runs another call
    worker.unref(); // an idle thread keeps no process alive; a new listener would keep it
  }
}

function startThread(program: string, heap_mb: number): PoolWorker {
  return new Worker(new URL(program), {
    ...{ env: {}, execArgv: [], stdin: false, stdout: true, stderr: true },
    resourceLimits: {
      maxOldGenerationSizeMb: heap_mb,
      maxYoungGenerationSizeMb: 16,
      stackSizeMb: 4,
    },
  });
}

/**
 * Resolves with the reply of the thread. Without a reply, the thread is terminated before this
 * rejects.
 */
function callIn(
  worker: PoolWorker,
  request: ThreadRequest,
  signal: AbortSignal | undefined,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      clearInterval(deadline);
      worker.off('message', onReply).off('messageerror', fail).off('error', fail).off('exit', fail);
      signal?.removeEventListener('abort', abort);
    };
    const stop = async (reason: unknown): Promise<void> => {
      end();
      await worker.terminate();
      reject(reason);
    };
    const stopAfter = (ms: number): void => {
      clearInterval(deadline);
      const late = () => void stop(deadlineFault(request.deadline_ms));
      deadline = afterAwakeTime(ms + GRACE_MS, late);
    };
    const onReply = (reply: ThreadReply): void => {
      clearTimeout(timer);
      if (reply === 'started') stopAfter(ATTEMPTS * request.deadline_ms);
      else if (reply === 'awaiting') stopAfter(request.deadline_ms);
      else {
        end();
        resolve(reply);
      }
    };
    const fail = (error: unknown): void => void stop(faultOf(error));
    const abort = (): void => void stop(signal?.reason);
    let deadline: NodeJS.Timeout | undefined;
    const timer = setTimeout(stop, START_MS, new ThreadFault('lost', 'the thread did not start'));
    worker.on('message', onReply).once('messageerror', fail).once('error', fail).once('exit', fail);
    signal?.addEventListener('abort', abort, { once: true });
    try {
      worker.postMessage(request);
    } catch (error) {
      void stop(error); // arguments that cannot be copied
    }
    if (signal?.aborted) abort();
  });
}

function deadlineFault(deadline_ms: number): ThreadFault {
  return new ThreadFault(
    'deadline',
    `the function was stopped: it took more than ${deadline_ms} ms`,
  );
}

function faultOf(error: unknown): ThreadFault {
  return (error as { code?: string } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? new ThreadFault('memory', 'the function was stopped: it exceeded its memory limit')
    : new ThreadFault('lost', 'the thread of the function ended');
}
