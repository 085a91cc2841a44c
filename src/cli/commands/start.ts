import type { Command } from 'commander';
import type { CliIo } from '../output.ts';
import { serve, type ToolOptions, withDrainOption, withToolOptions } from '../serve.ts';

/** `howdah start`: API and worker in one process. */
export function register(command: Command, io: CliIo): void {
  withDrainOption(withToolOptions(command)).action((options: ToolOptions) =>
    serve(io, { api: true, worker: true }, options),
  );
}
