import type { Command } from 'commander';
import { WORKFLOWS } from '../../backend/definition-kinds.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

/** Registers `howdah dev workflows [list | show]`: the definitions of how agents work together. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [listVerb(WORKFLOWS), showVerb(WORKFLOWS)]);
}
