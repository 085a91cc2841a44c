import type { Command } from 'commander';
import { findExecution, stepsAfter } from '../../db/queries.ts';
import { withDatabase } from '../database.ts';
import { executionId, notFound } from '../ids.ts';
import { type CliIo, printJson } from '../output.ts';
import { endLine, errorOf, plainText, stepLine } from '../steps.ts';

/** `howdah show ID`: a run as it stands: what was asked, every step, the answer. */
export function register(command: Command, io: CliIo): void {
  command.argument('<id>', 'the execution').action(async (id: string) => {
    await withDatabase(io, async ({ db }) => {
      const execution = await findExecution(db, executionId(id));
      if (!execution) {
        throw notFound(id);
      }
      const steps = await stepsAfter(db, id, 0);
      if (io.json) {
        return printJson(io, { ...execution, steps });
      }
      io.out(`execution ${execution.id}`);
      io.out(`agent     ${execution.agent}, version ${execution.agent_version}`);
      io.out(`status    ${execution.completed_at ? endLine(execution) : execution.status}`);
      io.out(`input     ${plainText(execution.input)}`);
      for (const step of steps) {
        io.out(stepLine({ ...io, color: false }, step));
      }
      const error = errorOf(execution.error);
      if (error || execution.output !== null) {
        io.out(error ? `error     ${error}` : `output    ${plainText(execution.output ?? '')}`);
      }
    });
  });
}
