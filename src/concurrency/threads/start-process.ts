import { type ChildProcess, fork } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import type { PoolWorker } from './pool-worker.ts';

/** Signals by which V8 ends a process that has used up its heap, or asks for an invalid size. */
const SIGNALS_OF_V8: ReadonlySet<unknown> = new Set(['SIGABRT', 'SIGTRAP', 'SIGILL', 'SIGSEGV']);

/**
 * Starts a process that runs the program of a thread, with the methods and events of a thread. The
 * process has no environment variables, and ends with this process, or beyond its memory.
 */
export function startProcess(program: string, heap_mb: number, memory_mb?: number): PoolWorker {
  const limits = memory_mb === undefined ? [] : [String(memory_mb)];
  const child = fork(fileURLToPath(program), limits, {
    cwd: tmpdir(),
    env: {},
    execArgv: [`--max-old-space-size=${heap_mb}`, '--max-semi-space-size=8'],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  return new ProcessWorker(child) as unknown as PoolWorker;
}

class ProcessWorker extends EventEmitter {
  readonly #child: ChildProcess;

  constructor(child: ChildProcess) {
    super();
    this.#child = child;
    child.on('message', (message) => this.emit('message', message));
    child.on('error', (error) => this.emit('error', error));
    child.on('exit', (code, signal) => {
      if (SIGNALS_OF_V8.has(signal)) {
        const message = `the process ended with ${signal}`;
        this.emit('error', Object.assign(new Error(message), { code: 'ERR_WORKER_OUT_OF_MEMORY' }));
      }
      this.emit('exit', code);
    });
  }

  postMessage(message: object): void {
    this.#child.send(message, () => {}); // a process that has ended reports its end
  }

  async terminate(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    if (this.#child.pid === undefined) return; // it did not start
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  ref(): void {
    this.#child.ref();
    this.#child.channel?.ref();
  }

  unref(): void {
    this.#child.unref();
    this.#child.channel?.unref();
  }
}
