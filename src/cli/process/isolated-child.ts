import { fork } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { ownEnvironment, variables } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { parseJson } from '../../json/parse-json.ts';
import { type ErrorReport, exitCodes, reportOf } from '../output/exit-codes.ts';
import type { CliIo } from '../output/output.ts';

// Both ends of a child process that does the work of a command. In a process of its own, other work
// does not slow it down, and it can clean up its databases and processes when the command is
// interrupted. The child gets neither our settings nor the working directory of the command.

type ChildMessage<Message> = { said: Message } | { error: ErrorReport } | { done: true };

/**
 * Starts the module `file` with an order, and passes its messages to `heard`. Throws what the
 * module threw. At Ctrl-C, and when this process is gone, the child is left alone and cleans up.
 * This function waits for the child.
 */
export async function runInChildProcess<Message>(
  io: CliIo,
  file: string,
  order: object,
  heard: (message: Message) => void,
): Promise<void> {
  const child = fork(file, [JSON.stringify(order)], {
    cwd: tmpdir(),
    env: withoutSettings(),
    serialization: 'advanced', // preserves values such as NaN
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    detached: true, // Ctrl-C of a terminal is for this process
  });
  let end: Exclude<ChildMessage<Message>, { said: Message }> | undefined;
  let refused: { by: unknown } | undefined;
  const leaveAlone = (): void => {
    if (child.connected) child.disconnect();
  };
  child.on('message', (message: ChildMessage<Message>) => {
    if (!('said' in message)) end = message;
    else if (!refused) refused = failureOf(() => heard(message.said));
    if (refused) leaveAlone();
  });
  const words = createInterface({ input: child.stderr as Readable });
  words.on('line', (line) => io.err(line));
  let isInterrupted = false;
  io.onInterrupt(() => {
    isInterrupted = true;
    leaveAlone();
  });
  await Promise.all([once(child, 'exit'), once(child, 'disconnect'), once(words, 'close')]);
  if (refused) throw refused.by;
  if (isInterrupted) {
    const isClean = child.exitCode === exitCodes.interrupted;
    const rest = isClean
      ? 'all temporary objects were removed'
      : 'some temporary objects could not be removed';
    throw new HowdahError('EINTERRUPTED', `interrupted; ${rest}`);
  }
  if (end === undefined) {
    const way = child.signalCode ?? `exit ${child.exitCode}`;
    throw new HowdahError('EINTERNAL', `the child process ended with ${way}`);
  }
  if ('error' in end) {
    const { code, message, ...more } = end.error;
    throw Object.assign(new Error(message), { code, ...more });
  }
}

/**
 * Executes an order in the child process, and ends the process. Work that cleans up listens for
 * `disconnect` itself.
 */
export async function doOrder<Order, Message>(
  work: (order: Order, say: (message: Message) => void) => Promise<void>,
): Promise<void> {
  if (!process.connected) process.exit();
  const tell = (message: ChildMessage<Message>): Promise<void> =>
    new Promise((resolve) => {
      if (!process.connected) return resolve();
      process.send?.(message, undefined, {}, () => resolve());
    });
  try {
    await work(parseJson<Order>(process.argv[2] ?? ''), (said) => void tell({ said }));
    await tell({ done: true });
  } catch (thrown) {
    await tell({ error: reportOf(thrown) });
  }
  if (process.connected) process.exit();
  process.exitCode = exitCodes.interrupted; // the cleanup ends the process
}

/** Returns what the work throws. */
function failureOf(work: () => void): { by: unknown } | undefined {
  try {
    work();
    return undefined;
  } catch (by) {
    return { by };
  }
}

function withoutSettings(): NodeJS.ProcessEnv {
  const environment = ownEnvironment();
  for (const name of Object.keys(variables)) delete environment[name];
  return environment;
}
