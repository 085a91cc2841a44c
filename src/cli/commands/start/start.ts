import type { Command } from 'commander';
import type { CliIo } from '../../output/output.ts';
import {
  type ServeToolOptions,
  serve,
  withApiOptions,
  withToolOptions,
} from '../../process/serve.ts';

/** Registers `howdah start`, which runs API and worker in one process. */
export function register(command: Command, io: CliIo): void {
  withApiOptions(withToolOptions(command)).action((options: ServeToolOptions) =>
    serve(io, { api: true, worker: true }, options),
  );
}
