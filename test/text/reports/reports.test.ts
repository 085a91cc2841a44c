/// <reference path="../../../src/console/answers/markdown-it.d.ts" />
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Parser } from 'htmlparser2';
import MarkdownIt from 'markdown-it';
import { describe, expect, test } from 'vitest';
import type {
  ComparisonReport,
  EvaluationReport,
  ReportedItem,
} from '../../../src/text/reports/evaluation-report.ts';
import { junitReport } from '../../../src/text/reports/junit-report.ts';
import { markdownComparison, markdownReport } from '../../../src/text/reports/markdown-report.ts';
import { HOSTILE_STRINGS } from '../../fixtures/hostile-strings.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();

/** The Big List of Naughty Strings, where the tests have it. */
const LIST = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'hostile-strings', 'blns.json');
const NAUGHTY: string[] = existsSync(LIST) ? JSON.parse(readFileSync(LIST, 'utf8')) : [];

const item = (name: string, more: Partial<ReportedItem> = {}): ReportedItem => ({
  name,
  passed: true,
  scores: { exact: 1 },
  cost: 0.0002,
  seconds: 1.25,
  ...more,
});

const REPORT: EvaluationReport = {
  name: 'refunds',
  subject: 'support (version 12)',
  passRate: { estimate: 0.5, low: 0.1, high: 0.9 },
  score: { estimate: 0.62, low: null, high: null },
  graders: [{ name: 'exact', score: 0.5, passed: 1, failed: 1 }],
  items: [
    item('late parcel'),
    item('wrong size', { passed: false, scores: { exact: 0 }, message: 'expected 3\ngot 4' }),
    item('no answer', { passed: null, scores: {}, cost: null, seconds: null, error: 'timeout' }),
    item('ungraded', { passed: null, scores: { exact: null } }),
  ],
};

type Element = { name: string; attributes: Record<string, string>; parent: string; text: string };

/** Returns the elements of a document in order. Postgres refuses one that is not well-formed. */
async function elementsOf(xml: string): Promise<Element[]> {
  await db.pool.query('select xmlparse(document $1)', [xml]);
  const elements: Element[] = [];
  const open: Element[] = [];
  const parser = new Parser(
    {
      onopentag(name, attributes) {
        open.push({ name, attributes, parent: open.at(-1)?.name ?? '', text: '' });
        elements.push(open.at(-1) as Element);
      },
      ontext: (text) => {
        const last = open.at(-1);
        if (last) last.text += text;
      },
      onclosetag: () => void open.pop(),
    },
    { xmlMode: true, decodeEntities: true },
  );
  parser.end(xml);
  return elements;
}

/** The JUnit schema of Jenkins (junit-10.xsd), as far as we write its elements. */
const SCHEMA: Record<string, { parents: string[]; required: string[]; optional: string[] }> = {
  testsuites: { parents: [''], required: [], optional: ['name'] },
  testsuite: {
    parents: ['testsuites'],
    required: ['name', 'tests', 'failures', 'errors', 'skipped', 'time'],
    optional: [],
  },
  properties: { parents: ['testsuite'], required: [], optional: [] },
  property: { parents: ['properties'], required: ['name', 'value'], optional: [] },
  testcase: { parents: ['testsuite'], required: ['name', 'classname', 'time'], optional: [] },
  failure: { parents: ['testcase'], required: ['message', 'type'], optional: [] },
  error: { parents: ['testcase'], required: ['message', 'type'], optional: [] },
  skipped: { parents: ['testcase'], required: ['message'], optional: [] },
  'system-out': { parents: ['testcase'], required: [], optional: [] },
};

function checkSchema(elements: Element[]) {
  for (const { name, attributes, parent } of elements) {
    const rule = SCHEMA[name];
    expect(rule?.parents).toContain(parent);
    const names = Object.keys(attributes);
    expect(names).toEqual(expect.arrayContaining(rule?.required ?? []));
    const allowed = [...(rule?.required ?? []), ...(rule?.optional ?? [])];
    expect(names.filter((attribute) => !allowed.includes(attribute))).toEqual([]);
    for (const count of ['tests', 'failures', 'errors', 'skipped']) {
      if (count in attributes) expect(attributes[count]).toMatch(/^\d+$/);
    }
    if ('time' in attributes) expect(attributes.time).toMatch(/^\d+(\.\d+)?$/);
  }
}

describe('the JUnit report', () => {
  test('counts items, and has their outcomes, scores and totals', async () => {
    const elements = await elementsOf(junitReport(REPORT));
    checkSchema(elements);
    const named = (name: string) => elements.filter((element) => element.name === name);
    expect(named('testsuite')[0]?.attributes).toEqual({
      ...{ name: 'refunds', tests: '4', failures: '1', errors: '1', skipped: '1', time: '3.75' },
    });
    expect(named('testcase').map(({ attributes }) => attributes)).toEqual([
      { name: 'late parcel', classname: 'refunds', time: '1.25' },
      { name: 'wrong size', classname: 'refunds', time: '1.25' },
      { name: 'no answer', classname: 'refunds', time: '0' },
      { name: 'ungraded', classname: 'refunds', time: '1.25' },
    ]);
    expect(named('failure')[0]).toMatchObject({
      attributes: { message: 'expected 3', type: 'grade' },
      text: 'expected 3\ngot 4',
    });
    expect(named('error')[0]).toMatchObject({ text: 'timeout', attributes: { type: 'run' } });
    expect(named('system-out')[0]?.text).toBe('exact: 1\ncost: 0.0002');
    const properties = named('property').map(({ attributes: { name, value } }) => [name, value]);
    expect(Object.fromEntries(properties)).toEqual({
      ...{ subject: 'support (version 12)', pass_rate: '0.5', pass_rate_low: '0.1' },
      ...{ pass_rate_high: '0.9', score: '0.62', cost: '0.0006' },
    });
  });

  test('of no items is valid', async () => {
    const empty = { ...REPORT, items: [], passRate: null, score: null };
    const elements = await elementsOf(junitReport(empty));
    checkSchema(elements);
    expect(elements.map(({ name }) => name)).toEqual([
      ...['testsuites', 'testsuite', 'properties', 'property'],
    ]);
  });

  test('is well-formed with any text, and keeps it', async () => {
    const texts = [
      ...Object.values(HOSTILE_STRINGS),
      ...NAUGHTY,
      'a\r\nb\tc',
      ']]>',
      '\ud800x',
      '\u0000\u001b[31m',
      '\uffff',
    ];
    const items = texts.map((text) =>
      item(text, { passed: false, message: text, scores: { [text || 'empty']: 0 } }),
    );
    const elements = await elementsOf(junitReport({ ...REPORT, name: texts[3] ?? '', items }));
    checkSchema(elements);
    const inXml = (text: string) =>
      Array.from(text.toWellFormed(), (character) =>
        (character < ' ' && !'\t\n\r'.includes(character)) || /[\ufffe\uffff]/.test(character)
          ? '\ufffd'
          : character,
      ).join('');
    expect(
      elements.flatMap(({ name, attributes }) => (name === 'testcase' ? [attributes.name] : [])),
    ).toEqual(texts.map(inXml));
    expect(elements.flatMap(({ name, text }) => (name === 'failure' ? [text] : []))).toEqual(
      texts.map(inXml),
    );
  });
});

/** Returns the cells of all tables as a reader of the rendered page sees them. */
function renderedCells(markdown: string) {
  const html = new MarkdownIt({ html: true }).render(markdown);
  const rows: string[][] = [];
  const elements = new Set<string>();
  let cell: string | undefined;
  const parser = new Parser({
    onopentagname(name) {
      elements.add(name);
      if (name === 'tr') rows.push([]);
      if (name === 'td') cell = '';
    },
    ontext: (text) => {
      if (cell !== undefined) cell += text;
    },
    onclosetag(name) {
      if (name === 'td') rows.at(-1)?.push(cell ?? '');
      if (name === 'td') cell = undefined;
    },
  });
  parser.end(html);
  return { rows: rows.filter((row) => row.length > 0), elements: [...elements] };
}

describe('the Markdown report', () => {
  test('shows totals with intervals, and what did not pass', () => {
    expect(markdownReport(REPORT)).toBe(`## refunds: support &#40;version 12&#41;

|  |  |
| --- | --- |
| passed | 1 of 4 |
| failed | 1 |
| errors | 1 |
| not graded | 1 |
| pass rate | 0.5 (0.1 to 0.9) |
| score | 0.62 |
| cost | 0.0006 |
| mean seconds | 1.25 |

### Graders

| grader | score | passed | failed |
| --- | --- | --- | --- |
| exact | 0.5 | 1 | 1 |

### Not passed

| item | why |
| --- | --- |
| wrong size | expected 3 got 4 |
| no answer | run failed&#58; timeout |
`);
  });

  test('of many failures names the first 50', () => {
    const items = Array.from({ length: 60 }, (_, i) => item(`item ${i}`, { passed: false }));
    const written = markdownReport({ ...REPORT, items });
    expect(written).toContain('| item 49 |');
    expect(written).not.toContain('| item 50 |');
    expect(written).toContain('… and 10 more.');
  });

  test('of a comparison shows measures with verdicts, and the changed items', () => {
    const comparison: ComparisonReport = {
      name: 'refunds',
      first: 'version 11',
      second: 'version 12',
      measures: [
        {
          name: 'score',
          first: 0.7,
          second: 0.8,
          difference: { estimate: 0.1, low: 0.02, high: 0.18 },
          verdict: 'higher',
        },
        { name: 'cost', first: null, second: 0.00012345, difference: null, verdict: 'unknown' },
      ],
      changes: [
        { name: 'late parcel', change: 'fixed' },
        { name: 'wrong size', change: 'regressed', message: 'got 4' },
      ],
    };
    expect(renderedCells(markdownComparison(comparison)).rows).toEqual([
      ['score', '0.7', '0.8', '0.1 (0.02 to 0.18)', 'higher'],
      ['cost', '–', '0.000123', '–', 'unknown'],
      ['wrong size', 'got 4'],
      ['late parcel', ''],
    ]);
  });

  test('shows any text as it is', () => {
    for (const text of [...Object.values(HOSTILE_STRINGS), ...NAUGHTY]) showsAsItIs(text);
  });

  function showsAsItIs(text: string) {
    const { rows, elements } = renderedCells(
      markdownReport({ ...REPORT, items: [item('first', { passed: false, message: text })] }),
    );
    const shown = text
      .toWellFormed()
      .replace(/[\p{Cc}\p{Zl}\p{Zp}\s]+/gu, ' ')
      .trim();
    if (shown.length <= 300) expect(rows.at(-1)?.[1]?.trim()).toBe(shown);
    expect(rows.at(-1)).toHaveLength(2);
    const PLAIN = ['h2', 'h3', 'table', 'thead', 'tbody', 'tr', 'th', 'td', 'p'];
    expect(elements.filter((name) => !PLAIN.includes(name))).toEqual([]);
  }
});
