import { Button, Loader, Text } from '@mantine/core';
import { Link, useLocation } from 'wouter';
import { leaderboardTexts } from '../../messages/leaderboard-texts.ts';
import { messages } from '../../messages/messages.ts';
import { overTimeTexts } from '../../messages/over-time-texts.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { DATASETS, EVALUATIONS, overTimePath } from '../../rows/paths.ts';
import type { ResourceType } from '../../rows/resource-types.ts';
import { RowActions } from '../../rows/row-actions.tsx';
import { useRow } from '../../rows/use-row.ts';
import { useMayWrite } from '../../server/me.tsx';
import { StartButton } from '../actions/start-dialog.tsx';
import { datasetPage, leaderboardPage } from '../quality-rows.ts';
import { GraderList } from './grader-list.tsx';
import { ItemList } from './item-list.tsx';

const text = qualityTexts.datasets;

type DatasetPageProps = { type: ResourceType; dataset: string };

/** The page of a data set: its items and its graders. */
export function DatasetPage({ type, dataset }: DatasetPageProps) {
  const { row, failure, isLoading, reload } = useRow(type, dataset);
  const found = row && {
    id: String(row.body.id),
    name: String(row.body.name),
    description: row.body.description,
  };
  return (
    <>
      <PageTitle title={found?.name ?? text.title} table={type.table}>
        <Button size="xs" variant="subtle" component={Link} href={DATASETS}>
          {text.all}
        </Button>
        {found && <Actions {...{ type, reload, found }} />}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {!row && !failure && !isLoading && <Text size="sm">{text.notFound}</Text>}
      {found && (
        <>
          {typeof found.description === 'string' && (
            <Text size="sm" mb="md" className="user-text">
              {found.description}
            </Text>
          )}
          <GraderList dataset={found} />
          <ItemList dataset={found} />
        </>
      )}
    </>
  );
}

type ActionsProps = {
  type: ResourceType;
  reload(): void;
  found: { id: string; name: string };
};

function Actions({ type, reload, found: { id, name } }: ActionsProps) {
  const [, navigate] = useLocation();
  const mayWrite = useMayWrite('datasets');
  return (
    <>
      <Button
        size="xs"
        variant="default"
        component={Link}
        href={`${EVALUATIONS}?${new URLSearchParams({ dataset: id })}`}
      >
        {text.evaluations}
      </Button>
      <Button size="xs" variant="default" component={Link} href={leaderboardPage(id)}>
        {leaderboardTexts.button}
      </Button>
      <Button size="xs" variant="default" component={Link} href={overTimePath({ dataset_id: id })}>
        {overTimeTexts.button}
      </Button>
      <StartButton dataset={id} />
      {mayWrite && (
        <>
          <Button size="xs" variant="default" component={Link} href={`${datasetPage(id)}/edit`}>
            {rowTexts.edit}
          </Button>
          <RowActions {...{ type, id, name, reload }} removed={() => navigate(DATASETS)} />
        </>
      )}
    </>
  );
}
