import { truncate } from '../truncate.ts';
import {
  type ComparisonReport,
  type Estimate,
  type EvaluationReport,
  itemCounts,
  sumOf,
} from './evaluation-report.ts';

/** A comment on a pull request stays readable, and below the size limits of its host. */
const MAX_ROWS = 50;
const MAX_CELL = 300;

/** Writes an evaluation as Markdown, such as for the summary of a CI job. */
export function markdownReport(report: EvaluationReport): string {
  const counts = itemCounts(report.items);
  const cost = sumOf(report.items.map((item) => item.cost));
  const timed = report.items.filter((item) => item.seconds !== null);
  const seconds = sumOf(timed.map((item) => item.seconds));
  const notPassed = report.items.filter((item) => item.error != null || item.passed === false);
  return lines([
    `## ${inline(report.name)}: ${inline(report.subject)}`,
    '',
    ...table(
      ['', ''],
      [
        ['passed', `${counts.passed} of ${counts.items}`],
        ['failed', String(counts.failed)],
        ['errors', String(counts.errors)],
        ...(counts.open > 0 ? [['not graded', String(counts.open)]] : []),
        ['pass rate', interval(report.passRate)],
        ['score', interval(report.score)],
        ['cost', cost === null ? '–' : number(cost)],
        ['mean seconds', seconds === null ? '–' : number(seconds / timed.length)],
      ],
    ),
    ...section(
      'Graders',
      ['grader', 'score', 'passed', 'failed'],
      report.graders.map(({ name, score, passed, failed }) => [
        inline(name),
        score === null ? '–' : number(score),
        String(passed),
        String(failed),
      ]),
    ),
    ...section(
      'Not passed',
      ['item', 'why'],
      notPassed.map((item) => [
        inline(item.name),
        inline(item.error != null ? `run failed: ${item.error}` : (item.message ?? '')),
      ]),
    ),
  ]);
}

/** Writes a comparison of two evaluations as Markdown. */
export function markdownComparison(report: ComparisonReport): string {
  const changes = (change: string) => report.changes.filter((item) => item.change === change);
  const rows = (change: string) =>
    changes(change).map((item) => [inline(item.name), inline(item.message ?? '')]);
  return lines([
    `## ${inline(report.name)}: ${inline(report.second)} compared with ${inline(report.first)}`,
    '',
    ...table(
      ['', inline(report.first), inline(report.second), 'difference (95 %)', 'verdict'],
      report.measures.map((measure) => [
        inline(measure.name),
        measure.first === null ? '–' : number(measure.first),
        measure.second === null ? '–' : number(measure.second),
        interval(measure.difference),
        inline(measure.verdict ?? '–'),
      ]),
    ),
    ...section('Regressed', ['item', 'why'], rows('regressed')),
    ...section('Fixed', ['item', 'was'], rows('fixed')),
  ]);
}

function section(title: string, head: string[], rows: string[][]): string[] {
  if (rows.length === 0) return [];
  const more = rows.length - MAX_ROWS;
  return [
    '',
    `### ${title}`,
    '',
    ...table(head, rows.slice(0, MAX_ROWS)),
    ...(more > 0 ? ['', `… and ${more} more.`] : []),
  ];
}

function table(head: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
}

/**
 * Returns a text as one line that Markdown shows as it is. Characters with a meaning become
 * references: backslashes do not protect within every renderer's tables, links and HTML.
 */
function inline(text: string): string {
  return truncate(
    text
      .toWellFormed()
      .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
      .trim(),
    MAX_CELL,
  ).replace(/[&<>|`*_~[\]()!#\\@:$]/g, (character) => `&#${character.charCodeAt(0)};`);
}

function interval(value: Estimate | null): string {
  if (value === null) return '–';
  const { estimate, low, high } = value;
  const range = low === null || high === null ? '' : ` (${number(low)} to ${number(high)})`;
  return `${number(estimate)}${range}`;
}

/** Four decimals, or for small numbers, such as costs, three digits. */
function number(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001) return String(Number(value.toPrecision(3)));
  return String(Number(Number(value).toFixed(4)));
}

function lines(all: string[]): string {
  return `${all.join('\n')}\n`;
}
