import { Button, Group, Loader, Paper, SegmentedControl, Select, Text } from '@mantine/core';
import { Link } from 'wouter';
import { useParameters } from '../../knowledge/use-parameters.ts';
import { leaderboardTexts } from '../../messages/leaderboard-texts.ts';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import type { ResourceType } from '../../rows/resource-types.ts';
import { useRow } from '../../rows/use-row.ts';
import { apiUrl } from '../../server/base-path.ts';
import { otherEvaluations } from '../../server/operations.generated.ts';
import { useRest } from '../../server/rest.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { copyLeaderboard } from '../copy-quality.ts';
import { datasetPage, leaderboardPage } from '../quality-rows.ts';
import { type Contender, MEASURES, type Measure } from './contender.ts';
import { FrontChart } from './front-chart.tsx';
import { LeaderboardTable } from './leaderboard-table.tsx';

const text = leaderboardTexts;

type PageProps = { type: ResourceType; dataset: string };

/** The page that ranks what was evaluated on a data set. The URL has the measure and the split. */
export function LeaderboardPage({ type, dataset }: PageProps) {
  const { row, failure, isLoading, reload } = useRow(type, dataset);
  const { parameters, change } = useParameters(leaderboardPage(dataset));
  const measure = MEASURES.find((one) => one === parameters.measure) ?? 'score';
  const { split } = parameters;
  const found = row && { id: String(row.body.id), name: String(row.body.name) };
  return (
    <>
      <PageTitle title={found ? text.titleOf(found.name) : text.title} table="howdah.leaderboard">
        {found && (
          <>
            <Button size="xs" variant="subtle" component={Link} href={datasetPage(found.id)}>
              {text.dataset}
            </Button>
            <CopyAs forms={copyLeaderboard(found, { measure, split }, apiUrl('/'))} />
          </>
        )}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {!row && !failure && !isLoading && <Text size="sm">{qualityTexts.datasets.notFound}</Text>}
      {found && (
        <>
          <Choices dataset={found.id} measure={measure} split={split} change={change} />
          <Ranking dataset={found.id} measure={measure} split={split} />
        </>
      )}
    </>
  );
}

type Chosen = { dataset: string; measure: Measure; split: string | undefined };
type Changed = { measure?: string | undefined; split?: string | undefined };

/** The choice of the measure, and of a split that was evaluated. */
function Choices({ dataset, measure, split, change }: Chosen & { change(next: Changed): void }) {
  const { data } = useAnswer(otherEvaluations, { dataset });
  const splits = data?.evaluations?.nodes.flatMap((node) => node?.split ?? []) ?? [];
  const known = [...new Set([...splits, ...(split === undefined ? [] : [split])])].sort();
  return (
    <Group gap="xs" mb="sm" className="filter-bar">
      <SegmentedControl
        size="xs"
        aria-label={text.measure}
        data={MEASURES.map((value) => ({ value, label: text.measures[value] }))}
        value={measure}
        onChange={(next) => change({ measure: next === 'score' ? undefined : next })}
      />
      {known.length > 0 && (
        <Select
          size="xs"
          w={180}
          aria-label={text.split}
          placeholder={text.allItems}
          data={known}
          value={split ?? null}
          onChange={(next) => change({ split: next ?? undefined })}
          clearable
        />
      )}
    </Group>
  );
}

function Ranking({ dataset, measure, split }: Chosen) {
  const query = new URLSearchParams({ measure, ...(split !== undefined && { split }) });
  const { data, failure, isLoading, reload } = useRest<{ data: Contender[] }>(
    `/api/datasets/${dataset}/leaderboard?${query}`,
  );
  const rows = data?.body.data;
  return (
    <>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows?.length === 0 && (
        <Paper withBorder radius="md" p="md" role="status">
          <Text size="sm">{split === undefined ? text.none : text.noneOfSplit}</Text>
          <Text size="sm" c="dimmed" mt={4}>
            {text.noneHint}
          </Text>
        </Paper>
      )}
      {rows && rows.length > 0 && (
        <>
          <LeaderboardTable rows={rows} measure={measure} />
          <FrontChart rows={rows} />
          <Text size="xs" c="dimmed">
            {text.explain}
          </Text>
        </>
      )}
    </>
  );
}
