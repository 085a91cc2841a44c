import type { Command } from 'commander';
import type { CliIo } from '../output.ts';
import { serve, type ToolOptions, withToolOptions } from '../serve.ts';

/** `howdah worker`: runs agents until it is told to stop; then drains and hands over. */
export function register(command: Command, io: CliIo): void {
  withToolOptions(command).action((options: ToolOptions) =>
    serve(io, { api: false, worker: true }, options),
  );
}
