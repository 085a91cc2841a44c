import type { Command } from 'commander';
import { registerControl } from '../../nouns/run-control.ts';
import type { CliIo } from '../../output/output.ts';

/** Registers `howdah runs resume ID`, which continues a paused run. */
export function register(command: Command, io: CliIo): void {
  registerControl(command, io, 'resume');
}
