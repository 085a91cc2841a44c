import type { Command } from 'commander';
import { listOperation } from '../../../operations/list-operation.ts';
import { gradeResult, listGradeQueue } from '../../../operations/quality/grades.ts';
import { evaluations } from '../../../resources/quality/evaluations.ts';
import { grades } from '../../../resources/quality/grades.ts';
import type { Row } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allRows } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { parseRate, parseWholeNumber } from '../../input/parse-number.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson } from '../../output/output.ts';
import { printRow, printRows, shortenRow } from '../../print/rows.ts';

type Options = { tenant?: string };

/** Registers the verb `queue`, which lists results that the caller has not graded. */
export function registerQueue(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the evaluation')
    .option('--limit <n>', 'number of results, at most 100', parseWholeNumber(1, 100), 20)
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (id: string, { limit, ...options }: Options & { limit: number }) => {
      const { data, remaining } = await withBackend(io, command, options, ({ call }) =>
        call(listGradeQueue, { query: { evaluation_id: id, limit } }),
      );
      const shown = ['evaluation_result_id', 'input', 'expected', 'output'];
      const hasHistory = data.some(({ history }) => spokenWords(history) !== '');
      const rows = data.map((row) => {
        const before = spokenWords(row.history);
        return shortenRow({ ...row, before }, hasHistory ? ['before', ...shown] : shown);
      });
      printRows(io, { items: data, rows, empty: 'You have graded all results.' });
      if (remaining !== null && remaining > data.length)
        io.err(`${data.length} of ${remaining} results`);
    });
}

/** Returns what was said before a question, the last words last. */
function spokenWords(history: unknown): string {
  if (!Array.isArray(history)) return '';
  return history
    .map(({ role, content, data }) => `${role}: ${content || JSON.stringify(data ?? '')}`)
    .join(' | ');
}

/** Registers the verb `grade`, which grades a result. */
export function registerGrade(command: Command, io: CliIo): void {
  command
    .argument('<result>', 'id of the result, from `howdah eval queue`')
    .argument('<score>', 'from 0 (wrong) to 1 (right)', parseRate)
    .option('--comment <text>', 'the reason')
    .option('--grader <name>', 'the grader whose question you answer (default: the whole result)')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(
      async (
        result: string,
        score: number,
        { comment, grader, ...options }: Options & { comment?: string; grader?: string },
      ) => {
        const grade = await withBackend(io, command, options, ({ call }) =>
          call(gradeResult, {
            body: {
              ...{ evaluation_result_id: result, score },
              ...{ comment: comment ?? null, grader: grader ?? null },
            },
          }),
        );
        if (io.json) printJson(io, grade);
        else printRow(io, grade);
      },
    );
}

/** Registers the verb `grades`, which lists what people said about the results of an evaluation. */
export function registerGrades(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the evaluation')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (id: string, options: Options) => {
      const items = await withBackend(io, command, options, async ({ call, definitions }) => {
        await definitions.find(evaluations, id);
        const list = listOperation<Row>(grades);
        return allRows((page) => call(list, { query: { evaluation_id: id, ...page } }));
      });
      const shown = ['evaluation_result_id', 'grader', 'score', 'comment', 'user_id', 'updated_at'];
      const rows = items.map((row) => shortenRow(row, shown));
      printRows(io, { items, rows, empty: 'No grades. Give one: howdah eval grade RESULT SCORE' });
    });
}
