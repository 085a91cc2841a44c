import { exitCodes } from './output/exit-codes.ts';
import type { CliIo } from './output/output.ts';
import type { Environment, TextStream } from './output/terminal.ts';

/** The parts of a process that the command line uses. A test passes its own. */
export type CliProcess = {
  stdin?: NodeJS.ReadableStream & { isTTY?: boolean };
  stdout: TextStream;
  stderr: TextStream;
  env?: Environment;
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(status: number): void;
  /** The time that `howdah` alone waits for something that does not answer; 0.7 s by default. */
  patienceMs?: number;
};

/**
 * Handles Ctrl-C and SIGTERM. The first one ends the process at once, unless a command handles it.
 * Then the second one ends the process.
 */
export function listenForInterrupts(host: CliProcess) {
  let status: number | undefined;
  let stop: (() => void) | undefined;
  let unask: (() => void) | undefined;
  let pass: ((signal: 'SIGINT' | 'SIGTERM') => void) | undefined;
  // a terminal sends Ctrl-C to all programs that run in it
  const isAtTerminal = [host.stdin, host.stdout].some((stream) => stream?.isTTY);
  const on = (signal: 'SIGINT' | 'SIGTERM', code: number) =>
    host.on(signal, () => {
      if (pass) return signal === 'SIGINT' && isAtTerminal ? undefined : pass(signal);
      if (stop === undefined || status !== undefined) return host.exit(code);
      status = code;
      stop();
      unask?.(); // ends the wait for a line
    });
  on('SIGINT', exitCodes.interrupted);
  on('SIGTERM', 143);
  const handle = (handler: () => void) => {
    stop = handler;
  };
  const leave: CliIo['leaveSignals'] = (to) => {
    pass = to;
  };
  const onEnd = (end: () => void) => {
    unask = end;
  };
  return { handle, leave, onPrompt: onEnd, status: () => status };
}
