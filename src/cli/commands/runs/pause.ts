import type { Command } from 'commander';
import { registerControl } from '../../nouns/run-control.ts';
import type { CliIo } from '../../output/output.ts';

/**
 * Registers `howdah runs pause ID`. Calls in progress are finished, and then nothing happens until
 * `howdah runs resume`.
 */
export function register(command: Command, io: CliIo): void {
  registerControl(command, io, 'pause');
}
