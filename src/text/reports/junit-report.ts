import { type ExactNumber, isJsonNumber } from '../../json/exact-number.ts';
import { trimEnd } from '../trim-end.ts';
import {
  type EvaluationReport,
  itemCounts,
  type ReportedItem,
  sumOf,
} from './evaluation-report.ts';

/** Characters that XML 1.0 cannot express, not even as a reference, and unpaired surrogates. */
const NOT_XML = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

const ENTITIES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  // otherwise a parser turns them into spaces in attributes, and \r into \n in texts
  '\t': '&#9;',
  '\n': '&#10;',
  '\r': '&#13;',
};

/**
 * Writes an evaluation as a JUnit XML report, which CI systems show as tests: an item is a test
 * case, and an item whose run failed an error. Scores and costs are the output of the test case.
 */
export function junitReport(report: EvaluationReport): string {
  const counts = itemCounts(report.items);
  const totals = attributes({
    tests: counts.items,
    failures: counts.failed,
    errors: counts.errors,
    skipped: counts.open,
    time: decimal(sumOf(report.items.map((item) => item.seconds)) ?? 0),
  });
  const properties = {
    subject: report.subject,
    pass_rate: report.passRate?.estimate,
    pass_rate_low: report.passRate?.low,
    pass_rate_high: report.passRate?.high,
    score: report.score?.estimate,
    cost: sumOf(report.items.map((item) => item.cost)),
  };
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${attributes({ name: report.name })}>`,
    `  <testsuite ${attributes({ name: report.name })} ${totals}>`,
    '    <properties>',
    ...Object.entries(properties)
      .filter(([, value]) => value != null)
      .map(([name, value]) => `      <property ${attributes({ name, value: shown(value) })}/>`),
    '    </properties>',
    ...report.items.flatMap((item) => testCase(item, report.name)),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase(item: ReportedItem, suite: string): string[] {
  const time = decimal(item.seconds ?? 0);
  const output = Object.entries({ ...item.scores, cost: item.cost })
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${shown(value)}`)
    .join('\n');
  return [
    `    <testcase ${attributes({ name: item.name, classname: suite, time })}>`,
    ...outcome(item),
    ...(output === '' ? [] : [`      <system-out>${escapeText(output)}</system-out>`]),
    '    </testcase>',
  ];
}

function outcome({ passed, message, error }: ReportedItem): string[] {
  if (error != null) return [problem('error', 'run', error)];
  if (passed === false) return [problem('failure', 'grade', message ?? 'did not pass')];
  return passed === null ? ['      <skipped message="not graded"/>'] : [];
}

function problem(element: string, type: string, message: string): string {
  const firstLine = message.split('\n', 1)[0] ?? '';
  return `      <${element} ${attributes({ message: firstLine, type })}>${escapeText(message)}</${element}>`;
}

function shown(value: unknown): string {
  return isJsonNumber(value) ? decimal(value) : String(value);
}

/** Writes a number without the rounding errors of sums, and without an exponent. */
function decimal(value: number | ExactNumber): string {
  return trimEnd(trimEnd(Number(value).toFixed(6), '0'), '.');
}

function attributes(values: Record<string, string | number>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${escapeSpecial(String(value), /[&<>"\t\n\r]/g)}"`)
    .join(' ');
}

function escapeText(text: string): string {
  return escapeSpecial(text, /[&<>\r]/g);
}

function escapeSpecial(text: string, special: RegExp): string {
  return text.replace(NOT_XML, '\ufffd').replace(special, (character) => ENTITIES[character] ?? '');
}
