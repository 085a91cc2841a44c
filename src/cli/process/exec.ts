import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { HowdahError } from '../../contracts/errors.ts';
import type { CliIo } from '../output/output.ts';

/**
 * Runs a program at the terminal of this process, or at its files and pipes. Returns the status of
 * the program. The program handles Ctrl-C itself.
 */
export function execInPlace(
  io: CliIo,
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<number> {
  const child = spawn(file, args, { stdio: 'inherit', env });
  io.leaveSignals((signal) => child.kill(signal));
  return new Promise((resolve, reject) => {
    child.on('error', (cause) => {
      reject(new HowdahError('EPOSTGRES', `${file} cannot be run: ${cause.message}`, { cause }));
    });
    child.on('close', (code, signal) =>
      resolve(code ?? 128 + constants.signals[signal ?? 'SIGTERM']),
    );
  });
}
