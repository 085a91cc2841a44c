import type { Command } from 'commander';
import type { CliIo } from '../output.ts';
import { serve } from '../serve.ts';

/** `howdah api`: GraphQL and health, without a worker. */
export function register(command: Command, io: CliIo): void {
  command.action(() => serve(io, { api: true, worker: false }));
}
