import type { Command } from 'commander';
import { registerControl } from '../../nouns/run-control.ts';
import type { CliIo } from '../../output/output.ts';

/**
 * Registers `howdah runs retry ID`, which continues a failed or cancelled run after its last good
 * step.
 */
export function register(command: Command, io: CliIo): void {
  registerControl(command, io, 'retry');
}
