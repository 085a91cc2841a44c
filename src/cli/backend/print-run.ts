import type { Operations, Step as RestStep } from '../../client/operations.generated.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { Step, TreeNode } from '../../db/queries/queries.ts';
import type { Question } from '../../db/queries/questions.ts';
import { notFound } from '../input/resolve-id.ts';
import type { CliIo } from '../output/output.ts';
import { type PrintedRun, printRun, printTree } from '../print/run.ts';
import { printStep, type StepView, stepIn } from '../print/step.ts';
import type { Api } from './connect.ts';

const PAGE = 1_000;
type Page<Row> = { data: Row[]; next: string | null };

/** Prints a run, or the tree that it belongs to, as `show` prints it from the database. */
export async function showOverRest(
  io: CliIo,
  api: Api,
  id: string,
  isTree: boolean,
): Promise<void> {
  const params = { id };
  if (isTree) {
    const nodes = await allOf((query) => api.call('listExecutionTree', { params, query })).catch(
      unlessMissing(id),
    );
    return printTree(io, nodes.map(nodeOf));
  }
  const row = await api.call('inspectExecution', { params }).catch(unlessMissing(id));
  const execution = withDates(row) as unknown as PrintedRun['execution'];
  const steps = await allOf((page) =>
    api.call('listExecutionSteps', { params, query: { ...page, said: 'true' } }),
  );
  await printRun(io, { execution, steps: steps.map(stepOf) }, async () => {
    const { data } = await api.call('listExecutionQuestions', { params });
    return data as unknown as Question[];
  });
}

/** Prints one step of a run. */
export async function showStepOverRest(
  io: CliIo,
  api: Api,
  shown: Required<StepView>,
): Promise<void> {
  const { id, seq } = shown;
  const query = { after: seq - 1, limit: 1, said: 'true' as const };
  const { data } = await api
    .call('listExecutionSteps', { params: { id }, query })
    .catch(unlessMissing(id));
  printStep(io, id, stepIn(data.map(stepOf), shown));
}

async function allOf<Row>(
  read: (query: { limit: number; cursor?: string }) => Promise<Page<Row>>,
): Promise<Row[]> {
  const rows: Row[] = [];
  let cursor: string | undefined;
  do {
    const page = await read({ limit: PAGE, ...(cursor !== undefined && { cursor }) });
    rows.push(...page.data);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return rows;
}

/** Returns an error handler that replaces `HWNTF` by the error of the command line. */
function unlessMissing(id: string) {
  return (error: unknown): never => {
    throw error instanceof HowdahError && error.code === 'HWNTF' ? notFound(id) : error;
  };
}

function stepOf({ call_id: _, model_id: __, ...step }: RestStep): Step {
  return withDates(step) as unknown as Step;
}

function nodeOf({
  path: _,
  ...node
}: Operations['listExecutionTree']['gives']['data'][number]): TreeNode {
  return withDates(node) as unknown as TreeNode;
}

/** Converts the times of a row to dates, as the database returns them. */
export function withDates<Row extends object>(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      /_(at|since)$/.test(name) && typeof value === 'string' ? new Date(value) : value,
    ]),
  ) as Row;
}
