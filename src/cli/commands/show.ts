import type { Command } from 'commander';
import { findExecution, stepsAfter, treeOf } from '../../db/queries.ts';
import { questionsInTheWay } from '../../db/questions.ts';
import { withDatabase } from '../database.ts';
import { executionId, notFound } from '../ids.ts';
import { type CliIo, printJson } from '../output.ts';
import { plainText } from '../plain-text.ts';
import { questionLines } from '../questions.ts';
import { endLine, errorOf, stepLine } from '../steps.ts';
import { treeLines } from '../tree.ts';

/** `howdah show ID`: a run as it stands: what was asked, every step, the answer; or the tree it belongs to. */
export function register(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'the execution')
    .option('--tree', 'the run with all that are below its root: status and tokens')
    .action((id: string, options: { tree?: true }) =>
      show(io, executionId(id), options.tree === true),
    );
}

async function show(io: CliIo, id: string, isTree: boolean): Promise<void> {
  await withDatabase(io, async ({ db }) => {
    const execution = await findExecution(db, id);
    if (!execution) {
      throw notFound(id);
    }
    if (isTree) {
      const nodes = await treeOf(db, execution.root_execution_id);
      return io.json ? printJson(io, { items: nodes }) : treeLines(nodes).forEach(io.out);
    }
    const steps = await stepsAfter(db, id, 0);
    if (io.json) {
      return printJson(io, { ...execution, steps });
    }
    io.out(`execution ${execution.id}`);
    io.out(
      execution.workflow === null
        ? `agent     ${execution.agent}, version ${execution.agent_version}`
        : `workflow  ${execution.workflow}, version ${execution.workflow_version}`,
    );
    io.out(`status    ${execution.completed_at ? endLine(execution) : execution.status}`);
    io.out(`input     ${plainText(execution.input)}`);
    for (const step of steps) {
      io.out(stepLine({ ...io, color: false }, step));
    }
    for (const question of await questionsInTheWay(db, id)) {
      io.out(questionLines(question).join('\n'));
    }
    const error = errorOf(execution.error);
    if (error || execution.output !== null) {
      io.out(error ? `error     ${error}` : `output    ${plainText(execution.output ?? '')}`);
    }
  });
}
