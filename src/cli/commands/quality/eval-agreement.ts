import type { Command } from 'commander';
import { isJsonNumber } from '../../../json/exact-number.ts';
import {
  graderAgreement,
  graderDisagreements,
  rubricExamples,
} from '../../../operations/quality/agreement.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { parseRate, parseWholeNumber } from '../../input/parse-number.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { shortenRow } from '../../print/rows.ts';

type Options = { tenant?: string; passScore: number; grader?: string };

/** Registers the verb `agreement`, which compares graders with people. */
export function registerAgreement(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the evaluation')
    .option('--pass-score <score>', 'least score of people that counts as passed', parseRate, 0.5)
    .option('--grader <name>', 'the grader of the listed results (default: the whole results)')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (id: string, { passScore, grader, ...options }: Options) => {
      const shown = await withBackend(io, command, options, async ({ call }) => {
        const query = { pass_score: passScore };
        const { data: agreement } = await call(graderAgreement, { params: { id }, query });
        const { data: disagreements } = await call(graderDisagreements, {
          params: { id },
          query: { ...query, ...(grader !== undefined && { grader }) },
        });
        return { agreement, disagreements };
      });
      if (io.json) printJson(io, shown);
      else printAgreement(io, shown);
    });
}

type ExampleOptions = { tenant?: string; grader: string; examples: number };

/** Registers the verb `examples`, which proposes examples for a judge from what people said. */
export function registerExamples(command: Command, io: CliIo): void {
  command
    .argument('<id>', 'id of the evaluation')
    .requiredOption('--grader <name>', 'the grader of kind rubric')
    .option('--examples <number>', 'the most examples', parseWholeNumber(1, 20), 4)
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (id: string, { grader, examples, ...options }: ExampleOptions) => {
      const { data } = await withBackend(io, command, options, ({ call }) =>
        call(rubricExamples, { params: { id }, query: { grader, examples } }),
      );
      if (io.json) printJson(io, data);
      else if (data.length > 0) io.out(JSON.stringify(data, null, 2));
      else io.err(`No grades with a comment yet. See: howdah eval queue ${id}`);
    });
}

type Shown = { agreement: object[]; disagreements: object[] };

function printAgreement(io: CliIo, { agreement, disagreements }: Shown): void {
  if (agreement.length === 0) io.err('No grades of people yet. See: howdah eval queue ID');
  else printTable(io, agreement.map(rounded));
  if (disagreements.length === 0) return;
  io.err(`${disagreements.length} results on which they disagree`);
  const columns = ['evaluation_result_id', 'person_score', 'grader_score', 'detail', 'comments'];
  printTable(
    io,
    disagreements.map((row) => shortenRow(row as Record<string, unknown>, columns)),
  );
}

/** Returns a row with figures of three digits, and a name for the row of the whole results. */
function rounded(row: object): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [
      name,
      name === 'grader' ? (value ?? '(whole result)') : roundedFigure(value),
    ]),
  );
}

const roundedFigure = (value: unknown) =>
  isJsonNumber(value) ? Number(Number(value).toFixed(3)) : value;
