import type { Command } from 'commander';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { ARGUMENT_SOURCES, readTextArgument } from '../../input/input-argument.ts';
import { executionId } from '../../input/resolve-id.ts';
import { type CliIo, printJson } from '../../output/output.ts';

/** Registers `howdah runs input ID TEXT`, which sends input to a run that has not ended. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the run')
    .argument('<text>', `text for the agent; ${ARGUMENT_SOURCES}`)
    .option(...API_OPTION)
    .action(async (text: string, content: string, _options: object, self: Command) => {
      const id = executionId(text);
      const input = await readTextArgument(io, 'the text', content);
      const run = await withBackend(io, self, {}, ({ runs }) => runs.addInput(id, input));
      if (io.json) printJson(io, run);
      else io.out(`${run.id} ${run.status}`);
    });
}
