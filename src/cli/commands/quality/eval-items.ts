import type { Command } from 'commander';
import {
  type EvaluationItem,
  listEvaluationItems,
} from '../../../operations/quality/evaluation-items.ts';
import { truncate } from '../../../text/truncate.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { parseWholeNumber } from '../../input/parse-number.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { rounded } from '../../quality/figures.ts';

type Options = { tenant?: string; limit: number };

/** Registers the verb `items`, which shows how much the repeats of each item differ. */
export function registerEvaluationItems(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the evaluation')
    .option('--limit <n>', 'number of items, the flakiest first', parseWholeNumber(1, 10_000), 100)
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (id: string, { limit, ...options }: Options) => {
      const shown = await withBackend(io, command, options, ({ call }) =>
        call(listEvaluationItems, { params: { id }, query: { limit } }),
      );
      if (io.json) printJson(io, shown);
      else if (shown.data.length === 0) io.err('No items: the evaluation graded live runs.');
      else printTable(io, linesOf(shown.data));
    });
}

/** Returns the lines of a table. The confidence is shown if an answer states one. */
function linesOf(items: readonly EvaluationItem[]) {
  const hasConfidence = items.some(({ confidence }) => confidence !== null);
  return items.map((row) => ({
    ...toLine(row),
    ...(hasConfidence && { confidence: rounded(row.confidence) }),
  }));
}

const toLine = (row: EvaluationItem) => ({
  input: truncate(row.input || JSON.stringify(row.input_data), 60),
  passed: `${row.passed} of ${row.graded}`,
  flakiness: rounded(row.flakiness),
  score: rounded(row.score),
  deviation: rounded(row.score_deviation),
  cost: rounded(row.cost, 6),
  latency_ms: rounded(row.latency_ms, 0),
});
