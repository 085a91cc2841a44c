import type { Command } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { answerQuestion } from '../../db/queries/questions.ts';
import { settle } from '../backend/answer-question.ts';
import { API_OPTION, apiFor } from '../backend/connect.ts';
import { ARGUMENT_SOURCES, readArgument, readTextArgument } from '../input/input-argument.ts';
import { questionId } from '../input/resolve-id.ts';
import { questionIdFor, questionIdOverApi } from '../input/resolve-question.ts';
import { type CliIo, printJson } from '../output/output.ts';

type Options = { data?: string };

/** Registers `howdah answer ID TEXT`, which answers a question of any kind. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the question, or of the run that asks it')
    .argument('[text]', `the answer; for an effect: done, again or give_up; ${ARGUMENT_SOURCES}`)
    .option(
      '--data <json>',
      `the answer as JSON; for done, the result of the call; ${ARGUMENT_SOURCES}`,
    )
    .option(...API_OPTION)
    .action(async (name: string, said: string | undefined, options: Options, self: Command) => {
      const text = said === undefined ? undefined : await readTextArgument(io, 'the answer', said);
      const data = await readArgument(io, 'data', options.data);
      if (text === undefined && data === undefined) {
        throw new HowdahError('EUSAGE', 'the answer is missing', {
          hint: 'howdah answer ID TEXT, or --data JSON',
        });
      }
      const id = questionId(name);
      const api = await apiFor(io, self);
      if (api) {
        const body = { answer: text ?? null, ...(data !== undefined && { data }) };
        const question = await api.call('answerQuestion', {
          params: { id: await questionIdOverApi(api, id) },
          body,
        });
        return io.json ? printJson(io, question) : io.out(`${question.id} ${question.status}`);
      }
      await settle(io, async ({ pool, db }) =>
        answerQuestion(pool, await questionIdFor(db, id), text ?? null, data),
      );
    });
}
