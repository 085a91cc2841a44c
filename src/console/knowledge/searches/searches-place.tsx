import { Loader, Text } from '@mantine/core';
import { Route, Switch } from 'wouter';
import { messages } from '../../messages/messages.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useResourceTypes } from '../../rows/use-resource-types.ts';
import { SearchPage } from './search-page.tsx';
import { SEARCHES } from './search-rows.ts';
import { SearchesPage } from './searches-page.tsx';

/** The place of recorded searches: their list, and what one of them found. */
export function SearchesPlace() {
  const { types, failure, reload } = useResourceTypes();
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!types) return <Loader size="sm" aria-label={messages.common.loading} />;
  const type = types.find(({ name }) => name === 'searches');
  if (!type) return <Text>{messages.common.notFoundTitle}</Text>;
  return (
    <Switch>
      <Route path={SEARCHES}>
        <SearchesPage {...{ type, types }} />
      </Route>
      <Route path={`${SEARCHES}/:id`}>{({ id }) => <SearchPage key={id} id={id} />}</Route>
      <Route>
        <Text>{messages.common.notFoundTitle}</Text>
      </Route>
    </Switch>
  );
}
