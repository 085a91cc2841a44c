import type { Command } from 'commander';
import { HowdahError } from '../../contracts/errors.ts';
import { findExecutionRow, type Queries, stepsAfter, treeOf } from '../../db/queries/queries.ts';
import { questionsInTheWay } from '../../db/queries/questions.ts';
import { API_OPTION, apiFor } from '../backend/connect.ts';
import { withDatabase } from '../backend/database.ts';
import { showOverRest, showStepOverRest } from '../backend/print-run.ts';
import { notFound } from '../input/resolve-id.ts';
import type { CliIo } from '../output/output.ts';
import { printRun, printTree } from '../print/run.ts';
import { printStep, type StepView, shownIn, stepIn } from '../print/step.ts';

/**
 * Registers `howdah show ID`. It prints the input, every step and the answer of a run, or the tree
 * of the run, or one full step.
 */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the execution, or of a step: ID/SEQ')
    .option('--tree', 'show the tree of runs from its root, with status and tokens')
    .option(...API_OPTION)
    .action(async (text: string, { tree = false }: { tree?: boolean }, self: Command) => {
      const { id, seq } = shownIn(text);
      if (seq !== undefined && tree) throw eitherOr();
      const api = await apiFor(io, self);
      if (seq !== undefined) {
        if (api) return showStepOverRest(io, api, { id, seq });
        return withDatabase(io, ({ db }) => showStep(io, db, { id, seq }));
      }
      if (api) return showOverRest(io, api, id, tree);
      await withDatabase(io, ({ db }) => show(io, db, id, tree));
    });
}

function eitherOr(): HowdahError {
  return new HowdahError('EUSAGE', '--tree applies to a run, but the argument is a step', {
    hint: 'Omit --tree, or give the id of the run.',
  });
}

async function showStep(io: CliIo, db: Queries, shown: Required<StepView>): Promise<void> {
  const { id, seq } = shown;
  if (!(await findExecutionRow(db, id))) throw notFound(id);
  printStep(io, id, stepIn(await stepsAfter(db, id, seq - 1, 1), shown));
}

async function show(io: CliIo, db: Queries, id: string, isTree: boolean): Promise<void> {
  const found = await findExecutionRow(db, id);
  if (!found) throw notFound(id);
  if (isTree) return printTree(io, await treeOf(db, found.root_execution_id));
  const { callback_url: _, ...execution } = found;
  const steps = await stepsAfter(db, id, 0);
  await printRun(io, { execution, steps }, () => questionsInTheWay(db, id));
}
