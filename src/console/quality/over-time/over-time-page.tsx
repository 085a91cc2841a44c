import { Button, Loader, Paper, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import { useParameters } from '../../knowledge/use-parameters.ts';
import { dayBefore } from '../../messages/format.ts';
import { messages } from '../../messages/messages.ts';
import { overTimeTexts as text } from '../../messages/over-time-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { EVALUATIONS, isId, overTimePath } from '../../rows/paths.ts';
import { apiUrl } from '../../server/base-path.ts';
import { useRest } from '../../server/rest.ts';
import { copyQualityByDay } from './copy-over-time.ts';
import { type Chosen, Filters, PRESETS } from './filters.tsx';
import {
  extentOf,
  MEASURES,
  type Measure,
  type QualityOfDay,
  type Series,
  seriesOf,
} from './series.ts';
import { VersionChart } from './version-chart.tsx';

/** Charts of a page. */
const MAX_CHARTS = 24;

/** The quality of versions by day, a chart for each. The URL has the filters. */
export function OverTimePage() {
  const { chosen, range, change } = useChosen();
  const { dataset_id, agent_id, workflow_id, source } = chosen;
  const filter = Object.fromEntries(
    Object.entries({ dataset_id, agent_id, workflow_id, source, ...range }).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    ),
  );
  const query = new URLSearchParams({ ...filter, grader: '*' });
  const { data, failure, isLoading, reload } = useRest<{ data: QualityOfDay[] }>(
    `/api/quality-by-day?${query}`,
  );
  const rows = data?.body.data;
  return (
    <>
      <PageTitle title={text.title} table="howdah.quality_by_day">
        <Button size="xs" variant="subtle" component={Link} href={EVALUATIONS}>
          {text.evaluations}
        </Button>
        <CopyAs forms={copyQualityByDay(filter, chosen.grader, apiUrl('/'))} />
      </PageTitle>
      <Filters chosen={chosen} rows={rows ?? []} change={change} />
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows && <Charts rows={rows} chosen={chosen} range={range} />}
    </>
  );
}

/** Returns what the URL chooses, and the range of days. */
function useChosen() {
  const [now] = useState(Date.now);
  const { parameters, change } = useParameters(overTimePath());
  const idIn = (name: string) =>
    isId(parameters[name] ?? '') ? (parameters[name] as string) : undefined;
  const { source, grader } = parameters;
  const days = PRESETS.find((preset) => String(preset) === parameters.days) ?? 30;
  const chosen: Chosen = {
    ...{ days, grader },
    measure: MEASURES.find((one) => one === parameters.measure) ?? 'pass_rate',
    source: source === 'items' || source === 'runs' ? source : undefined,
    dataset_id: idIn('dataset_id'),
    agent_id: idIn('agent_id'),
    workflow_id: idIn('workflow_id'),
  };
  const range = { since: dayBefore(now, days - 1), until: dayBefore(now, 0) };
  return { chosen, range, change };
}

type ChartsProps = {
  rows: readonly QualityOfDay[];
  chosen: Chosen;
  range: { since: string; until: string };
};

function Charts({ rows, chosen: { grader, measure }, range }: ChartsProps) {
  const all = seriesOf(rows, grader);
  if (all.length === 0) {
    return (
      <Paper withBorder radius="md" p="md" role="status">
        <Text size="sm">{text.none}</Text>
        <Text size="sm" c="dimmed" mt={4}>
          {text.noneHint}
        </Text>
      </Paper>
    );
  }
  return (
    <>
      <VersionCharts series={all} most={MAX_CHARTS} {...{ measure, range }} />
      <Text size="xs" c="dimmed">
        {text.explain}
      </Text>
    </>
  );
}

type VersionChartsProps = Pick<ChartsProps, 'range'> & {
  series: readonly Series[];
  measure: Measure;
  most: number;
};

/** A chart for each version, at most so many, and the number of the others. */
export function VersionCharts({ series, measure, range, most }: VersionChartsProps) {
  const shown = series.slice(0, most);
  const extent = extentOf(shown, measure);
  return (
    <>
      <div className="plane-charts">
        {shown.map((one) => (
          <VersionChart key={one.key} series={one} {...{ measure, extent, range }} />
        ))}
      </div>
      {series.length > shown.length && (
        <Text size="sm">{text.more(series.length - shown.length)}</Text>
      )}
    </>
  );
}
