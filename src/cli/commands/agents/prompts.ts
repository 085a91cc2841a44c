import type { Command } from 'commander';
import { prompts } from '../../../resources/definitions/prompts.ts';
import { ARGUMENT_SOURCES, readArgument, readTextArgument } from '../../input/input-argument.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

/**
 * Registers `howdah dev prompts [list | show | create | change | delete]`: the templates for the
 * instructions of agents.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(
    command,
    io,
    resourceVerbs(prompts, {
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
  );
}
