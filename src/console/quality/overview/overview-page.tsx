import { Anchor, Group, Loader, Paper, Text, Title } from '@mantine/core';
import { type ReactNode, useState } from 'react';
import { Link } from 'wouter';
import { dayBefore } from '../../messages/format.ts';
import { messages } from '../../messages/messages.ts';
import { overTimeTexts } from '../../messages/over-time-texts.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { DATASETS, EVALUATIONS, overTimePath } from '../../rows/paths.ts';
import { evaluations } from '../../server/operations.generated.ts';
import { useRest } from '../../server/rest.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { usePolling } from '../../server/use-polling.ts';
import { StartButton } from '../actions/start-dialog.tsx';
import { type DatasetRow, DatasetsTable, FirstDataset } from '../datasets/datasets-page.tsx';
import { EvaluationsTable } from '../evaluations-table.tsx';
import { VersionCharts } from '../over-time/over-time-page.tsx';
import { type QualityOfDay, type Series, seriesOf } from '../over-time/series.ts';

const text = qualityTexts.overview;
/** Rows of each list of the page, and its charts. */
const MAX_ROWS = 8;
const MAX_CHARTS = 3;
const DAYS = 30;

/** The newest evaluations, days of versions, and data sets. */
export function QualityPage() {
  return (
    <>
      <PageTitle title={text.title}>
        <StartButton dataset={undefined} />
      </PageTitle>
      <NewestEvaluations />
      <Days />
      <NewestDatasets />
    </>
  );
}

type SectionProps = { title: string; table: string; all: string; children: ReactNode };

/** A part of the page, with a link to all of what it shows the newest of. */
function Section({ title, table, all, children }: SectionProps) {
  return (
    <section aria-label={title} className="overview-section">
      <Group justify="space-between" mb="xs">
        <Group gap="sm" align="baseline">
          <Title order={2} size="h5">
            {title}
          </Title>
          <Text size="xs" c="dimmed" ff="monospace">
            {table}
          </Text>
        </Group>
        <Anchor component={Link} href={all} size="sm">
          {text.all(title)}
        </Anchor>
      </Group>
      {children}
    </section>
  );
}

/** The days of the versions that were graded last. Absent before the first one. */
function Days() {
  const [now] = useState(Date.now);
  const range = { since: dayBefore(now, DAYS - 1), until: dayBefore(now, 0) };
  const { data, failure, reload } = useRest<{ data: QualityOfDay[] }>(
    `/api/quality-by-day?${new URLSearchParams(range)}`,
  );
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  const series = seriesOf(data?.body.data ?? [], undefined).sort((one, other) =>
    lastDay(other).localeCompare(lastDay(one)),
  );
  if (series.length === 0) return null;
  return (
    <Section title={overTimeTexts.button} table="howdah.quality_by_day" all={overTimePath()}>
      <VersionCharts {...{ series, range }} measure="pass_rate" most={MAX_CHARTS} />
    </Section>
  );
}

const lastDay = ({ days }: Series) =>
  days
    .map(({ day }) => day)
    .sort()
    .at(-1) ?? '';

function NewestEvaluations() {
  const { data, failure, isLoading, reload } = useAnswer(evaluations, {});
  usePolling(reload, JSON.stringify(data));
  const rows = data?.evaluations?.nodes.filter((node) => node !== null) ?? [];
  return (
    <Section title={qualityTexts.evaluations.title} table="howdah.evaluations" all={EVALUATIONS}>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows.length > 0 && <EvaluationsTable rows={rows.slice(0, MAX_ROWS)} />}
      {data && rows.length === 0 && (
        <Paper withBorder radius="md" p="md" role="status">
          <Text size="sm">{qualityTexts.evaluations.none}</Text>
          <Text size="sm" c="dimmed" mt={4}>
            {qualityTexts.evaluations.noneHint}
          </Text>
        </Paper>
      )}
    </Section>
  );
}

function NewestDatasets() {
  const { data, failure, isLoading, reload } = useRest<{ data: DatasetRow[] }>(
    `/api/datasets?limit=${MAX_ROWS}`,
  );
  const rows = data?.body.data;
  return (
    <Section title={qualityTexts.datasets.title} table="howdah.datasets" all={DATASETS}>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows && rows.length > 0 && <DatasetsTable rows={rows} />}
      {rows?.length === 0 && <FirstDataset />}
    </Section>
  );
}
