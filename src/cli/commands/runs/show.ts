import type { Command } from 'commander';
import { HowdahError } from '../../../contracts/errors.ts';
import { stepRequest } from '../../../operations/runs/step-request.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { memberLines } from '../../print/members.ts';
import { printRun, printTree } from '../../print/print-run.ts';
import { printStep, shownIn } from '../../print/step.ts';

type Options = { tree?: boolean; request?: boolean };

/**
 * Registers `howdah show ID`. It prints the input, every step and the answer of a run, or the tree
 * of the run, or one full step, or the request of that step.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the run, or of a step: ID/SEQ')
    .option('--tree', 'show the tree of runs from its root, with status and tokens')
    .option('--request', 'show the request that a step sent to its model, as JSON')
    .option(...API_OPTION)
    .action(async (text: string, { tree = false, request = false }: Options, self: Command) => {
      const { id, seq } = shownIn(text);
      if (seq !== undefined && tree) throw eitherOr();
      if (seq === undefined && request) throw noStep(id);
      await withBackend(io, self, {}, async ({ runs, call }) => {
        if (seq !== undefined && request) {
          await runs.find(id);
          return printJson(io, await call(stepRequest, { params: { id, seq } }));
        }
        if (seq !== undefined) return printStep(io, id, await runs.step(id, seq));
        if (tree) return printTree(io, await runs.tree(id));
        const execution = await runs.find(id);
        const steps = await runs.steps(id);
        await printRun(
          io,
          { execution, steps },
          () => runs.openQuestions(id),
          () => memberLines(runs, id),
        );
      });
    });
}

function noStep(id: string): HowdahError {
  return new HowdahError('EUSAGE', '--request applies to a step, but the argument is a run', {
    hint: `Add the number of the step: howdah show ${id}/1 --request`,
  });
}

function eitherOr(): HowdahError {
  return new HowdahError('EUSAGE', '--tree applies to a run, but the argument is a step', {
    hint: 'Omit --tree, or give the id of the run.',
  });
}
