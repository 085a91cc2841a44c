import type { Command } from 'commander';
import { skills } from '../../../resources/definitions/skills.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../../input/input-argument.ts';
import { resourceVerbs } from '../../nouns/resource-verbs.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import type { CliIo } from '../../output/output.ts';

/**
 * Registers `howdah dev skills [list | show | create | change | delete]`: the texts that agents
 * read on demand.
 */
export function register(command: Command, io: CliIo): void {
  withVerbs(
    command,
    io,
    resourceVerbs(skills, {
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
  );
}
