import type { Command } from 'commander';
import type { DefinitionKind } from '../../backend/definition-kinds.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../../input/input-argument.ts';
import { createVerb, deleteVerb } from '../../nouns/create-and-delete.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

const NAMED: DefinitionKind = {
  kind: 'skills',
  singular: 'skill',
  noun: 'dev skills',
  emptyMessage: 'No skills. Create one: howdah dev skills create NAME TEXT --description TEXT',
  restPath: '/api/skills',
  columns: ['id', 'name', 'is_active', 'description'],
};

/**
 * Registers `howdah dev skills [list | show | create | delete]`: the texts that agents read on
 * demand.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(NAMED),
    showVerb(NAMED),
    createVerb(NAMED, {
      register: (verb) =>
        verb
          .argument('<name>', 'name by which agents load the skill')
          .argument('<content>', `text of the skill; ${ARGUMENT_SOURCES}`)
          .requiredOption('--description <text>', 'one line by which agents choose the skill'),
      columns: async (verbIo, [name, content = ''], { description }) => ({
        name,
        description,
        content: await readTextArgument(verbIo, 'the content', content),
      }),
    }),
    deleteVerb(NAMED),
  ]);
}
