import type { Command } from 'commander';
import type { CliIo } from '../output.ts';
import { serve, type ToolOptions, withToolOptions } from '../serve.ts';

/** `howdah worker`: runs agents until it is told to stop, or with `--once` until nothing is due; then drains and hands over. */
export function register(command: Command, io: CliIo): void {
  withToolOptions(command)
    .option('--once', 'end when nothing is due any more')
    .action((options: ToolOptions) => serve(io, { api: false, worker: true }, options));
}
