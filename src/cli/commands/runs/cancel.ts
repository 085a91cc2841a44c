import type { Command } from 'commander';
import { registerControl } from '../../nouns/run-control.ts';
import type { CliIo } from '../../output/output.ts';

/** Registers `howdah runs cancel ID…`, which ends runs at once, also during a model call. */
export function register(command: Command, io: CliIo): void {
  registerControl(command, io, 'cancel');
}
