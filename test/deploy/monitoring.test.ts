import { readFileSync } from 'node:fs';
import { parser } from '@prometheus-io/lezer-promql';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { figuresOn } from '../../src/db/operations/metric-queries.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { all } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

type Rule = {
  alert: string;
  expr: string;
  for: string;
  labels: { severity: string };
  annotations: { summary: string; runbook_url: string };
};
type Panel = {
  id: number;
  type: string;
  title: string;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { refId: string; expr: string; legendFormat: string; datasource: { uid: string } }[];
};

const groups: { name: string; rules: Rule[] }[] = parse(read('deploy/prometheus/rules.yml')).groups;
const rules = groups.flatMap((group) => group.rules);
const dashboard: { panels: Panel[]; [field: string]: unknown } = JSON.parse(
  read('deploy/grafana/howdah.json'),
);
/** Expressions of alerts and panels. Grafana replaces the interval before it queries. */
const expressions: [string, string][] = [
  ...rules.map(({ alert, expr }): [string, string] => [alert, expr]),
  ...dashboard.panels.flatMap(({ title, targets }) =>
    targets.map(({ expr }): [string, string] => [title, expr.replaceAll('$__rate_interval', '5m')]),
  ),
];

/** Returns the metrics and labels of an expression, and its syntax errors. */
function partsOf(expr: string) {
  const names: string[] = [];
  const labels: string[] = [];
  const errors: string[] = [];
  parser.parse(expr).iterate({
    enter(node) {
      const text = expr.slice(node.from, node.to);
      if (node.type.isError) errors.push(`at ${node.from}: ${text}`);
      if (node.name === 'Identifier' && node.node.parent?.name === 'VectorSelector')
        names.push(text);
      if (node.name === 'LabelName') labels.push(text);
    },
  });
  return { names, labels, errors };
}

const database = testDatabase();
/** Names of the metrics that Prometheus reads. `up` is its own metric. */
const live = new Set(['up']);

beforeAll(async () => {
  const metrics = createMetrics(figuresOn(database.pool));
  metrics.watchPool('requests', () => ({
    ...{ totalCount: 1, idleCount: 1, waitingCount: 0, options: { max: 10 } },
  }));
  metrics.countRequest('api', 'GET', 200, 0.1);
  const text = await metrics.text();
  for (const [, name = '', type] of text.matchAll(/^# TYPE (\w+) (\w+)/gm)) {
    live.add(name);
    if (type === 'histogram') {
      for (const end of ['_bucket', '_sum', '_count']) live.add(name + end);
    }
  }
});

test.each(expressions)(
  'in %s the expression parses and reads existing metrics: %s',
  (_of, expr) => {
    const { names, labels, errors } = partsOf(expr);
    expect(errors).toEqual([]);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !live.has(name))).toEqual([]);
    const page = read('docs/reference/metrics.md');
    const known = new Set(['job', 'instance', 'le']);
    const documented = [...page.matchAll(/`([a-z_]+)`/g)].map(([, word]) => word);
    expect(labels.filter((label) => !known.has(label) && !documented.includes(label))).toEqual([]);
  },
);

test('an invalid expression is reported', () => {
  expect(partsOf('sum(rate(howdah_runs[5m]) > 0').errors).not.toEqual([]);
});

describe('the rules', () => {
  test('have the shape Prometheus accepts, each with a severity and an existing runbook', () => {
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    for (const rule of rules) {
      expect(Object.keys(rule).sort()).toEqual(['alert', 'annotations', 'expr', 'for', 'labels']);
      expect(rule.alert).toMatch(/^Howdah[A-Z][A-Za-z]+$/);
      expect(rule.for).toMatch(/^\d+m$/);
      expect(['warning', 'critical']).toContain(rule.labels.severity);
      const [page = '', anchor] = rule.annotations.runbook_url.split('#');
      expect(read(page)).toMatch(new RegExp(`^### ${anchor}$`, 'm'));
    }
  });

  test('list every alert of the installation once, with its severity', async () => {
    const alerts = rules.flatMap(({ expr, labels }) => {
      const [, name] = /howdah_alerts\{alert="(\w+)"\}/.exec(expr) ?? [];
      return name ? [{ name, severity: labels.severity }] : [];
    });
    const known = await all(
      database.pool,
      `select name, severity::text from howdah_private.alert_limits where name <> 'promises_broken' order by name`,
    );
    expect(alerts.sort((a, b) => (a.name < b.name ? -1 : 1))).toEqual(known);
  });

  test('are those that prometheus.yml loads', () => {
    const { rule_files, scrape_configs } = parse(read('deploy/prometheus/prometheus.yml'));
    expect(rule_files).toEqual(['rules.yml']);
    expect(scrape_configs).toMatchObject([
      {
        job_name: 'howdah',
        authorization: { type: 'Bearer', credentials_file: expect.any(String) },
      },
    ]);
  });
});

test('the dashboard has non-overlapping panels, each with a data source in use', () => {
  const { panels } = dashboard;
  expect(dashboard).toMatchObject({ title: 'Howdah', uid: 'howdah', schemaVersion: 39 });
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const taken = new Set<string>();
  for (const { gridPos, targets, type } of panels) {
    expect(['stat', 'timeseries']).toContain(type);
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
        expect(taken.has(`${x} ${y}`)).toBe(false);
        taken.add(`${x} ${y}`);
      }
    }
    expect(new Set(targets.map(({ refId }) => refId)).size).toBe(targets.length);
    for (const { datasource } of targets) expect(datasource.uid).toBe(`\${datasource}`);
  }
});
