import type { Command } from 'commander';
import type { CliIo } from '../../output/output.ts';
import { type ServeOptions, serve, withApiOptions, withStartOptions } from '../../process/serve.ts';

/** Registers `howdah admin api`, which serves GraphQL and health without a worker. */
export function register(command: Command, io: CliIo): void {
  withApiOptions(withStartOptions(command)).action((options: ServeOptions) =>
    serve(io, { api: true, worker: false }, options),
  );
}
