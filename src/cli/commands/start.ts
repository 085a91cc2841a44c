import type { Command } from 'commander';
import type { CliIo } from '../output.ts';
import { serve } from '../serve.ts';

/** `howdah start`: API and worker in one process. */
export function register(command: Command, io: CliIo): void {
  command.action(() => serve(io, { api: true, worker: true }));
}
