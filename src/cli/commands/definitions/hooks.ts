import type { Command } from 'commander';
import { hooks } from '../../../resources/administration/hooks.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

/** Registers `howdah admin hooks [list | show]`: the functions called at events of runs. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, resourceVerbs(hooks));
}
