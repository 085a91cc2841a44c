import type { Command } from 'commander';
import type { DefinitionKind } from '../../backend/definition-kinds.ts';
import { ARGUMENT_SOURCES, readArgument, readTextArgument } from '../../input/input-argument.ts';
import { createVerb, deleteVerb } from '../../nouns/create-and-delete.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

const NAMED: DefinitionKind = {
  kind: 'prompts',
  singular: 'prompt',
  noun: 'dev prompts',
  emptyMessage: 'No prompts. Create one: howdah dev prompts create NAME TEMPLATE',
  restPath: '/api/prompts',
  columns: ['id', 'name', 'description'],
};

/**
 * Registers `howdah dev prompts [list | show | create | delete]`: the templates for the
 * instructions of agents.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(NAMED),
    showVerb(NAMED),
    createVerb(NAMED, {
      register: (verb) =>
        verb
          .argument('<name>', 'name that agents refer to')
          .argument('<template>', `text with {{variables}}; ${ARGUMENT_SOURCES}`)
          .option('--variables <json>', `a JSON Schema for each variable; ${ARGUMENT_SOURCES}`)
          .option('--description <text>', 'purpose of the prompt'),
      columns: async (verbIo, [name, template = ''], { variables, description }) => ({
        name,
        template: await readTextArgument(verbIo, 'the template', template),
        ...(typeof variables === 'string' && {
          variables: await readArgument(verbIo, 'variables', variables),
        }),
        ...(description !== undefined && { description }),
      }),
    }),
    deleteVerb(NAMED),
  ]);
}
