import { type Command, Option } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { approve } from '../../db/queries/questions.ts';
import { settle, settleOverApi } from '../backend/answer-question.ts';
import { API_OPTION, apiFor } from '../backend/connect.ts';
import { ARGUMENT_SOURCES, readArgument } from '../input/input-argument.ts';
import { questionId } from '../input/resolve-id.ts';
import { questionIdFor, questionIdOverApi } from '../input/resolve-question.ts';
import type { CliIo } from '../output/output.ts';

type Options = { remember?: string; arguments?: string };

/** Registers `howdah approve ID`, which allows the call that a run waits to make. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the question, or of the run that asks it')
    .addOption(
      new Option('--remember <scope>', 'do not ask about this tool again in this scope').choices([
        'run',
        'session',
        'agent',
      ]),
    )
    .option(
      '--arguments <json>',
      `call the tool with these arguments instead, as JSON; ${ARGUMENT_SOURCES}`,
    )
    .option(...API_OPTION)
    .action(async (text: string, options: Options, self: Command) => {
      const args = await readArgument(io, 'arguments', options.arguments);
      const id = questionId(text);
      const api = await apiFor(io, self);
      if (api && options.remember !== undefined) throw rememberedOverApi();
      if (api) {
        const data = args === undefined ? {} : { data: args };
        return settleOverApi(io, api, await questionIdOverApi(api, id), {
          answer: 'approve',
          ...data,
        });
      }
      await settle(io, async ({ pool, db }) =>
        approve(pool, await questionIdFor(db, id), options.remember ?? null, args),
      );
    });
}

function rememberedOverApi(): HowdahError {
  return new HowdahError('EUSAGE', '--remember needs a database, not an API', {
    hint: 'Name a database with --database-url, use the GraphQL mutation approve, or omit --remember.',
  });
}
