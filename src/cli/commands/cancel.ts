import type { Command } from 'commander';
import { registerControl } from '../nouns/run-control.ts';
import type { CliIo } from '../output/output.ts';

/** `howdah cancel ID`: ends a run at once, also in the middle of a model call. */
export function register(command: Command, io: CliIo): void {
  registerControl(command, io, 'cancel');
}
