import { followExecutions } from '../db/follow.ts';
import { exitCodes } from './exit-codes.ts';
import { type CliIo, printJson } from './output.ts';
import { endLine, errorOf, plainText, stepLine } from './steps.ts';

/**
 * Shows a run until it ends: steps as talk, the answer as the result, the exit code by how it ended. Ctrl-C lets
 * go of the run, it does not stop it.
 */
export async function showUntilEnd(io: CliIo, url: string, id: string, after = 0): Promise<void> {
  const detach = new AbortController();
  io.onInterrupt(() => {
    io.err(`The run goes on. See it again: howdah watch ${id}`);
    detach.abort();
  });
  for await (const event of followExecutions(url, [id], after, detach.signal)) {
    if (event.type === 'step') {
      if (io.json) {
        printJson(io, { type: 'step', execution_id: id, ...event.step });
      } else {
        io.err(stepLine(io, event.step));
      }
      continue;
    }
    const { execution } = event;
    if (io.json) {
      printJson(io, { type: 'end', ...execution });
    } else {
      io.err(endLine(execution));
      if (execution.status === 'completed') {
        io.out(plainText(execution.output ?? ''));
      } else {
        io.err(errorOf(execution.error) ?? `the run was ${execution.status}`);
      }
    }
    if (execution.status !== 'completed') {
      io.setExitCode(exitCodes.runFailed);
    }
  }
}
