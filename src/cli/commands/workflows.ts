import type { Command } from 'commander';
import { listVerb, showVerb } from '../named.ts';
import { WORKFLOWS } from '../noun.ts';
import type { CliIo } from '../output.ts';
import { withVerbs } from '../verbs.ts';

/** `howdah workflows [list | show]`: how agents work together. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [listVerb(WORKFLOWS), showVerb(WORKFLOWS)]);
}
