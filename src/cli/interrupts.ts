import type { CliProcess } from './main.ts';
import { exitCodes } from './output/exit-codes.ts';
import type { CliIo } from './output/output.ts';

/** Ctrl-C ends the process at once, unless a command asked to be told first; then the second one does. */
export function listenForInterrupts(host: CliProcess) {
  let status: number | undefined;
  let stop: (() => void) | undefined;
  let unask: (() => void) | undefined;
  let pass: ((signal: 'SIGINT' | 'SIGTERM') => void) | undefined;
  // a terminal tells all programs that are at it
  const isTold = [host.stdin, host.stdout].some((stream) => stream?.isTTY);
  const on = (signal: 'SIGINT' | 'SIGTERM', code: number) =>
    host.on(signal, () => {
      if (pass) return signal === 'SIGINT' && isTold ? undefined : pass(signal);
      if (stop === undefined || status !== undefined) return host.exit(code);
      status = code;
      stop();
      unask?.(); // who waits for a line hears that there is none
    });
  on('SIGINT', exitCodes.interrupted);
  on('SIGTERM', 143);
  const handle = (handler: () => void) => {
    stop = handler;
  };
  const leave: CliIo['leaveSignals'] = (to) => {
    pass = to;
  };
  const whileAsked = (end: () => void) => {
    unask = end;
  };
  return { handle, leave, whileAsked, status: () => status };
}
