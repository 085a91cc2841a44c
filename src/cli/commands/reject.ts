import type { Command } from 'commander';
import { reject } from '../../db/queries/questions.ts';
import { settle, settleOverApi } from '../backend/answer-question.ts';
import { API_OPTION, apiFor } from '../backend/connect.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../input/input-argument.ts';
import { questionId } from '../input/resolve-id.ts';
import { questionIdFor, questionIdOverApi } from '../input/resolve-question.ts';
import type { CliIo } from '../output/output.ts';

/** Registers `howdah reject ID`, which rejects the call that a run waits to make. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the question, or of the run that asks it')
    .option('--reason <text>', `reason that is sent to the model; ${ARGUMENT_SOURCES}`)
    .option(...API_OPTION)
    .action(async (text: string, options: { reason?: string }, self: Command) => {
      const id = questionId(text);
      const { reason: said } = options;
      const reason = said === undefined ? null : await readTextArgument(io, 'the reason', said);
      const api = await apiFor(io, self);
      if (api)
        return settleOverApi(io, api, await questionIdOverApi(api, id), {
          answer: 'reject',
          data: reason,
        });
      await settle(io, async ({ pool, db }) => reject(pool, await questionIdFor(db, id), reason));
    });
}
