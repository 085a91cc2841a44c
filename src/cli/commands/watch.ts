import { type Command, InvalidArgumentError } from 'commander';
import { withDatabase } from '../database.ts';
import { showUntilEnd } from '../follow.ts';
import { executionId, knownExecution } from '../ids.ts';
import type { CliIo } from '../output.ts';
import { API_OPTION, apiFor, showOverApi } from '../over-api.ts';

/** `howdah watch ID`: the steps so far, then each new one as it commits. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the execution')
    .option('--after <seq>', 'only steps after this one', seq, 0)
    .option(...API_OPTION)
    .action(async (text: string, options: { after: number }, self: Command) => {
      const id = executionId(text);
      const api = await apiFor(io, self);
      if (api) return showOverApi(io, api, id, options);
      await withDatabase(io, async ({ url, db }) => {
        await showUntilEnd(io, url, await knownExecution(db, id), { after: options.after });
      });
    });
}

function seq(text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0) {
    throw new InvalidArgumentError('It is the seq of a step, a whole number from 0 on.');
  }
  return number;
}
