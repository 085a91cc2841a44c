import type { Command } from 'commander';
import { AGENTS } from '../../backend/definition-kinds.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

/** Registers `howdah agents [list | show]`: the agents, each with its model and current version. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [listVerb(AGENTS), showVerb(AGENTS)]);
}
