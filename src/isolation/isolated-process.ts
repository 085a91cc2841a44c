import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { setPriority } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { getHeapStatistics } from 'node:v8';
import type { IsolatedRun, RunInProcess } from '../../workers/isolation/isolator.ts';
import { moduleBeside } from '../concurrency/thread-pool.ts';
import { type Config, programEnvironment } from '../config.ts';
import type { Sink } from '../telemetry/log.ts';

/** The settings of the process of a suspect, all from the process that starts it. */
export type IsolatedOrder = {
  url: string;
  config: Config;
  run: IsolatedRun;
  /** The folder of the tools of this worker. */
  toolFolder: string | undefined;
  /** True if its log lines are JSON for a sink of this process. */
  sendsLog: boolean;
};

/** A message to the process. */
export type IsolatedCommand = { do: 'run'; order: IsolatedOrder } | { do: 'stop' };
/** A message of the process: it is about to claim the run. */
export type IsolatedReport = 'ready';

const PROGRAM = moduleBeside('./isolated-run-program.ts', import.meta.url);
/** The time in which a process hands its run over before it is killed. */
const STOP_MS = 15_000;
/** Other work of the machine comes first. */
const NICENESS = 10;

/** Returns the function that runs suspects in processes with the settings of this one. */
export function isolatedProcesses(
  order: Omit<IsolatedOrder, 'run' | 'sendsLog'>,
  sink: Sink | undefined,
): RunInProcess {
  return async (run, signal) => {
    const child = fork(fileURLToPath(PROGRAM), [], {
      // The same heap as here, whatever the flags of the program are that started us.
      execArgv: [
        `--max-old-space-size=${Math.ceil(getHeapStatistics().heap_size_limit / 2 ** 20)}`,
      ],
      env: programEnvironment(),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', sink ? 'pipe' : 'inherit', 'ipc'],
    });
    yieldProcessor(child);
    if (sink) forwardLog(child, sink);
    let isReady = false;
    child.on('message', (message: IsolatedReport) => {
      isReady ||= message === 'ready';
    });
    const exited = Promise.race([once(child, 'exit'), once(child, 'error')]);
    const send = (command: IsolatedCommand) => child.connected && child.send(command, () => {});
    send({ do: 'run', order: { ...order, run, sendsLog: sink !== undefined } });
    let timer: NodeJS.Timeout | undefined;
    const stop = (): void => {
      send({ do: 'stop' });
      timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    };
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    await exited.catch(() => {}); // it could not be started
    signal.removeEventListener('abort', stop);
    clearTimeout(timer);
    return isReady;
  };
}

function yieldProcessor({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) setPriority(pid, NICENESS);
  } catch {
    // it has ended, or the system has no priorities
  }
}

/** Passes the log of the process on. Other lines are words of Node at its death. */
function forwardLog({ stderr }: ChildProcess, sink: Sink): void {
  const lines = createInterface({ input: stderr as Readable });
  lines.on('line', (line) => void (line.startsWith('{') ? sink.write(`${line}\n`) : undefined));
}
