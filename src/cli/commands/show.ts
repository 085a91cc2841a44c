import type { Command } from 'commander';
import { findExecution, type Queries, stepsAfter, treeOf } from '../../db/queries.ts';
import { questionsInTheWay } from '../../db/questions.ts';
import { withDatabase } from '../database.ts';
import { executionId, notFound } from '../ids.ts';
import type { CliIo } from '../output.ts';
import { API_OPTION, apiFor } from '../over-api.ts';
import { showOverRest } from '../run-over-rest.ts';
import { printRun, printTree } from '../shown-run.ts';

/** `howdah show ID`: a run as it stands: what was asked, every step, the answer; or the tree it belongs to. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the execution')
    .option('--tree', 'the run with all that are below its root: status and tokens')
    .option(...API_OPTION)
    .action(async (text: string, { tree = false }: { tree?: boolean }, self: Command) => {
      const id = executionId(text);
      const api = await apiFor(io, self);
      if (api) return showOverRest(io, api, id, tree);
      await withDatabase(io, ({ db }) => show(io, db, id, tree));
    });
}

async function show(io: CliIo, db: Queries, id: string, isTree: boolean): Promise<void> {
  const found = await findExecution(db, id);
  if (!found) throw notFound(id);
  if (isTree) return printTree(io, await treeOf(db, found.root_execution_id));
  const { callback_url: _, ...execution } = found;
  const steps = await stepsAfter(db, id, 0);
  await printRun(io, { execution, steps }, () => questionsInTheWay(db, id));
}
