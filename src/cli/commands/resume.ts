import type { Command } from 'commander';
import { registerControl } from '../nouns/run-control.ts';
import type { CliIo } from '../output/output.ts';

/** `howdah resume ID`: a paused run goes on. */
export function register(command: Command, io: CliIo): void {
  registerControl(command, io, 'resume');
}
