import { type Command, Option } from 'commander';
import { enumLabels } from '../../../contracts/enum-labels.generated.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { ARGUMENT_SOURCES, readArgument } from '../../input/input-argument.ts';
import { questionId } from '../../input/resolve-id.ts';
import { answerAndPrint } from '../../nouns/answer-and-print.ts';
import type { CliIo } from '../../output/output.ts';

type Options = { remember?: string; arguments?: string };

/** Registers `howdah approve ID`, which allows the call that a run waits to make. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the question, or of the run that asks it')
    .addOption(
      new Option('--remember <scope>', 'do not ask about this tool again in this scope').choices(
        enumLabels.approval_scope,
      ),
    )
    .option(
      '--arguments <json>',
      `call the tool with these arguments instead, as JSON; ${ARGUMENT_SOURCES}`,
    )
    .option(...API_OPTION)
    .action(async (text: string, options: Options, self: Command) => {
      const args = await readArgument(io, 'arguments', options.arguments);
      const id = questionId(text);
      const { remember } = options;
      await answerAndPrint(io, self, (questions) =>
        questions.approve(id, {
          ...(remember !== undefined && { remember }),
          ...(args !== undefined && { args }),
        }),
      );
    });
}
