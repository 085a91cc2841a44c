import type { Command } from 'commander';
import { agents } from '../../../resources/definitions/agents.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

/**
 * Registers `howdah agents [list | show | create | change | delete]`: the agents, each with its
 * model and current version.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, resourceVerbs(agents));
}
