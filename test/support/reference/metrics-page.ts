import { describeMetrics, type MetricDescription } from '../../../src/telemetry/metrics.ts';
import { cell, code, page, type ReferencePage, table } from './markdown.ts';

/** Renders the metrics of Prometheus from their help texts. */
export async function metricsPage(): Promise<ReferencePage> {
  const metrics = await describeMetrics();
  const rows = (ofDatabase: boolean) =>
    metrics.filter((one) => one.ofDatabase === ofDatabase).map(rowOf);
  return page('metrics.md', {
    title: 'Metrics',
    source: 'src/telemetry',
    parts: [
      'The metrics that [`GET /metrics`](../observability.md#metrics) reports. There are also the metrics `process_*` and ' +
        '`nodejs_*` of prom-client: memory, CPU, garbage collection, `nodejs_eventloop_lag_seconds`.',
      '## Of the process',
      table(HEAD, rows(false)),
      '## Of the database',
      table(HEAD, rows(true)),
    ],
  });
}

const HEAD = ['metric', 'type', 'labels', 'meaning'];

function rowOf({ name, type, labels, help }: MetricDescription): string[] {
  return [code(name), type, labels.map(code).join(', '), cell(help)];
}
