import type { Command } from 'commander';
import { registerControl } from '../nouns/run-control.ts';
import type { CliIo } from '../output/output.ts';

/** `howdah retry ID`: a failed or cancelled run goes on after its last good step. */
export function register(command: Command, io: CliIo): void {
  registerControl(command, io, 'retry');
}
