import { Loader, Text } from '@mantine/core';
import { Route, Switch } from 'wouter';
import { messages } from '../../messages/messages.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { EditRowPage, NewRowPage } from '../../rows/form/form-page.tsx';
import { DATASETS, rowOfPath } from '../../rows/paths.ts';
import { useResourceTypes } from '../../rows/use-resource-types.ts';
import { LeaderboardPage } from '../leaderboard/leaderboard-page.tsx';
import { DatasetPage } from './dataset-page.tsx';
import { DatasetsPage } from './datasets-page.tsx';
import { NewGraderPage, NewItemPage } from './new-part-pages.tsx';

/** The place of data sets: their list, each with its items and graders, and the forms. */
export function DatasetsPlace() {
  const { types, failure, reload } = useResourceTypes();
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!types) return <Loader size="sm" aria-label={messages.common.loading} />;
  const type = types.find(({ name }) => name === 'datasets');
  if (!type) return <Text>{messages.common.notFoundTitle}</Text>;
  const shared = { type, types };
  return (
    <Switch>
      <Route path={DATASETS}>
        <DatasetsPage />
      </Route>
      <Route path={`${DATASETS}/new`}>
        <NewRowPage {...shared} />
      </Route>
      <Route path={`${DATASETS}/:dataset/edit`}>
        {({ dataset }) => <EditRowPage key={dataset} id={rowOfPath(dataset)} {...shared} />}
      </Route>
      <Route path={`${DATASETS}/:dataset/items/new`}>
        {({ dataset }) => <NewItemPage dataset={rowOfPath(dataset)} {...shared} />}
      </Route>
      <Route path={`${DATASETS}/:dataset/graders/new`}>
        {({ dataset }) => <NewGraderPage dataset={rowOfPath(dataset)} {...shared} />}
      </Route>
      <Route path={`${DATASETS}/:dataset/leaderboard`}>
        {({ dataset }) => <LeaderboardPage type={type} dataset={rowOfPath(dataset)} />}
      </Route>
      <Route path={`${DATASETS}/:dataset`}>
        {({ dataset }) => <DatasetPage key={dataset} type={type} dataset={rowOfPath(dataset)} />}
      </Route>
      <Route>
        <Text>{messages.common.notFoundTitle}</Text>
      </Route>
    </Switch>
  );
}
