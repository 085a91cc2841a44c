import { Loader, Text } from '@mantine/core';
import { Route, Switch } from 'wouter';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { EditRowPage, NewRowPage } from './form/form-page.tsx';
import { listPath, rowOfPath } from './paths.ts';
import { RowPage } from './row-page.tsx';
import { RowsPage } from './rows-page.tsx';
import { useResourceTypes } from './use-resource-types.ts';

/** The places of the rows of a kind: the list, a row, a new row, a change. */
export function RowsPlace({ resource }: { resource: string }) {
  const { types, failure, reload } = useResourceTypes();
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!types) return <Loader size="sm" aria-label={messages.common.loading} />;
  const type = types.find(({ name }) => name === resource);
  if (!type) return <Text>{messages.common.notFoundTitle}</Text>;
  const path = listPath(type.name);
  return (
    <Switch>
      <Route path={path}>
        <RowsPage key={type.name} {...{ type, types }} />
      </Route>
      {type.create && (
        <Route path={`${path}/new`}>
          <NewRowPage key={type.name} {...{ type, types }} />
        </Route>
      )}
      {type.change && (
        <Route path={`${path}/:id/edit`}>
          {({ id }) => <EditRowPage key={id} id={rowOfPath(id)} {...{ type, types }} />}
        </Route>
      )}
      <Route path={`${path}/:id`}>
        {({ id }) => <RowPage key={id} id={rowOfPath(id)} {...{ type, types }} />}
      </Route>
      <Route>
        <Text>{messages.common.notFoundTitle}</Text>
      </Route>
    </Switch>
  );
}
