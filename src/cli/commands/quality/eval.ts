import type { Command } from 'commander';
import type { ComparedFigure, EvaluationComparison } from '../../../contracts/evaluations.ts';
import { listOperation } from '../../../operations/list-operation.ts';
import {
  compareEvaluations,
  promoteEvaluation,
} from '../../../operations/quality/evaluation-gate.ts';
import { cancelEvaluation, gradeAgain } from '../../../operations/quality/evaluations.ts';
import { evaluationResults } from '../../../resources/quality/evaluation-results.ts';
import { evaluations } from '../../../resources/quality/evaluations.ts';
import type { Row } from '../../backend/backend.ts';
import { API_OPTION } from '../../backend/connect-server.ts';
import { allRows } from '../../backend/pages.ts';
import { withBackend } from '../../backend/with-backend.ts';
import { parseRate } from '../../input/parse-number.ts';
import { TENANT_OPTION } from '../../input/resolve-tenant.ts';
import { listVerb, showVerb } from '../../nouns/list-and-show.ts';
import { withVerbs } from '../../nouns/subcommands.ts';
import { type CliIo, printJson, printTable } from '../../output/output.ts';
import { oneLine } from '../../output/terminal-text.ts';
import { printRows, shortenRow } from '../../print/rows.ts';
import { percent } from '../../quality/figures.ts';
import { registerAgreement, registerExamples } from './eval-agreement.ts';
import { registerByDay } from './eval-by-day.ts';
import { registerGrade, registerGrades, registerQueue } from './eval-grade.ts';
import { register as registerGradeRuns } from './eval-grade-runs.ts';
import { registerEvaluationItems } from './eval-items.ts';
import { registerLeaderboard } from './eval-leaderboard.ts';
import { register as registerRun, registerWait, summaryOf } from './eval-run.ts';

type Options = { tenant?: string };

/** Registers `howdah eval` with its verbs. */
export function register(command: Command, io: CliIo): void {
  withVerbs(command, io, [
    listVerb(evaluations),
    showVerb(evaluations),
    { name: 'run', summary: 'evaluate an agent or workflow on a data set', register: registerRun },
    {
      name: 'grade-runs',
      summary: 'grade a sample of the runs of an agent',
      register: registerGradeRuns,
    },
    { name: 'wait', summary: 'wait for an evaluation that was started', register: registerWait },
    { name: 'results', summary: 'list the results of an evaluation', register: registerResults },
    {
      name: 'items',
      summary: 'show how much the repeats of items differ',
      register: registerEvaluationItems,
    },
    { name: 'compare', summary: 'compare two evaluations', register: registerCompare },
    { name: 'cancel', summary: 'cancel an evaluation and its runs', register: registerCancel },
    {
      name: 'grade-again',
      summary: 'grade results again whose judge failed',
      register: registerGradeAgain,
    },
    { name: 'queue', summary: 'list results that you have not graded', register: registerQueue },
    { name: 'grade', summary: 'grade a result as a person', register: registerGrade },
    { name: 'grades', summary: 'list the grades of people', register: registerGrades },
    { name: 'agreement', summary: 'compare graders with people', register: registerAgreement },
    { name: 'examples', summary: 'propose examples for a judge', register: registerExamples },
    { name: 'leaderboard', summary: 'rank what was evaluated', register: registerLeaderboard },
    { name: 'by-day', summary: 'show the quality of versions by day', register: registerByDay },
    { name: 'promote', summary: 'label the version of an evaluation', register: registerPromote },
  ]);
}

const withEvaluation = (command: Command) =>
  command
    .argument('<id>', 'id of the evaluation')
    .option(...TENANT_OPTION)
    .option(...API_OPTION);

function registerResults(command: Command, io: CliIo): void {
  withEvaluation(command)
    .option('--failed', 'only results that did not pass, or could not be graded')
    .action(async (id: string, { failed, ...options }: Options & { failed?: true }) => {
      const all = await withBackend(io, command, options, async ({ call, definitions }) => {
        await definitions.find(evaluations, id);
        const list = listOperation<Row>(evaluationResults);
        return allRows((page) => call(list, { query: { evaluation_id: id, ...page } }));
      });
      const items = failed
        ? all.filter((row) => row.passed !== true && row.graded_at !== null)
        : all;
      const shown = [
        'item_id',
        'repeat',
        'passed',
        'score',
        'scores',
        'error',
        'cost',
        'execution_id',
      ];
      const rows = items.map((row) => shortenRow(row, shown));
      printRows(io, { items, rows, empty: 'No results.' });
    });
}

function registerCompare(command: Command, io: CliIo): void {
  command
    .argument('<a>', 'id of the evaluation before')
    .argument('<b>', 'id of the evaluation now')
    .option(...TENANT_OPTION)
    .option(...API_OPTION)
    .action(async (a: string, b: string, options: Options) => {
      const comparison = await withBackend(io, command, options, ({ call }) =>
        call(compareEvaluations, { params: { id: a }, query: { with: b } }),
      );
      if (io.json) printJson(io, comparison);
      else printComparison(io, comparison);
    });
}

function printComparison(io: CliIo, comparison: EvaluationComparison): void {
  const { pass_rate, score, cost, latency_ms, slices, regressions, items } = comparison;
  if (!comparison.has_equal_graders) io.err('The graders of both evaluations differ.');
  const cached = [comparison.a, comparison.b].map(({ totals }) => Number(totals.cached_runs ?? 0));
  if (cached.some((runs) => runs > 0)) {
    io.err(
      `Cost and latency leave out runs with answers of a cache: ${cached[0]} before, ${cached[1]} now.`,
    );
  }
  const figures: [string, ComparedFigure][] = [
    ...Object.entries({ pass_rate, score, cost, latency_ms }),
    ...slices.map(
      ({ key, value, items: count, pass_rate: rate }) =>
        [`pass_rate, ${key} ${value} (${count} items)`, rate] as [string, ComparedFigure],
    ),
  ];
  io.err(
    comparison.is_paired
      ? `${items} items that both have graded`
      : 'Live runs have no items in common with others: two groups, compared by their means',
  );
  printTable(
    io,
    figures.map(([figure, { a, b, difference, low, high, verdict }]) => ({
      ...{ figure, before: a, now: b, difference },
      ...{ interval: low === null ? '' : `${low} to ${high}`, verdict },
    })),
  );
  for (const { item_id, input, passed_a, passed_b, ...runs } of regressions) {
    io.out(
      `regression: ${oneLine(input ?? '', 80)} (item ${item_id}), ${percent(passed_a)} to ${percent(passed_b)}, runs ${runs.execution_id_a} and ${runs.execution_id_b}`,
    );
  }
}

function registerCancel(command: Command, io: CliIo): void {
  withEvaluation(command).action(async (id: string, options: Options) => {
    const evaluation = await withBackend(io, command, options, ({ call }) =>
      call(cancelEvaluation, { params: { id } }),
    );
    if (io.json) printJson(io, evaluation);
    else io.out(`${id} cancelled`);
  });
}

function registerGradeAgain(command: Command, io: CliIo): void {
  withEvaluation(command).action(async (id: string, options: Options) => {
    const graded = await withBackend(io, command, options, ({ call }) =>
      call(gradeAgain, { params: { id } }),
    );
    if (io.json) printJson(io, graded);
    else if (graded.results === 0) io.err('All results are graded.');
    else {
      const results = graded.results === 1 ? '1 result is' : `${graded.results} results are`;
      io.out(`${results} graded again. See: howdah eval wait ${id}`);
    }
  });
}

type PromoteOptions = Options & { label: string; failUnder?: number; worseThan?: string | true };

function registerPromote(command: Command, io: CliIo): void {
  withEvaluation(command)
    .option('--label <label>', 'the label', 'production')
    .option('--fail-under <rate>', 'refuse if fewer results pass, from 0 to 1', parseRate)
    // Commander reads the name as a negation, so the value is in worseThan
    .option('--no-worse-than <label>', 'refuse if the version with this label is better')
    .action(async (id: string, { label, failUnder, worseThan, ...options }: PromoteOptions) => {
      const body = {
        label,
        ...(failUnder !== undefined && { fail_under: failUnder }),
        ...(typeof worseThan === 'string' && { no_worse_than: worseThan }),
      };
      const evaluation = await withBackend(io, command, options, ({ call }) =>
        call(promoteEvaluation, { params: { id }, body }),
      );
      if (io.json) printJson(io, evaluation);
      else {
        printTable(io, [summaryOf(evaluation)]);
        io.out(`version ${evaluation.version} is ${label}`);
      }
    });
}
