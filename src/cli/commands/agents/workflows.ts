import type { Command } from 'commander';
import { workflows } from '../../../resources/definitions/workflows.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

/**
 * Registers `howdah dev workflows [list | show | create | change | delete]`: the definitions of how
 * agents work together.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, resourceVerbs(workflows));
}
