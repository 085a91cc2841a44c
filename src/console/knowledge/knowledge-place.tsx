import { Loader, Text } from '@mantine/core';
import { Route, Switch } from 'wouter';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { EditRowPage, NewRowPage } from '../rows/form/form-page.tsx';
import { rowOfPath } from '../rows/paths.ts';
import { useResourceTypes } from '../rows/use-resource-types.ts';
import { BasePage } from './base-page.tsx';
import { BasesPage } from './bases-page.tsx';
import { DocumentPage, EditDocumentPage } from './documents/document-page.tsx';
import { BASES } from './knowledge-rows.ts';

/** The place of knowledge bases: their list, each with its documents, a document, and the forms. */
export function KnowledgePlace() {
  const { types, failure, reload } = useResourceTypes();
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  if (!types) return <Loader size="sm" aria-label={messages.common.loading} />;
  const type = types.find(({ name }) => name === 'knowledge-bases');
  if (!type) return <Text>{messages.common.notFoundTitle}</Text>;
  const shared = { type, types };
  return (
    <Switch>
      <Route path={BASES}>
        <BasesPage />
      </Route>
      <Route path={`${BASES}/new`}>
        <NewRowPage {...shared} />
      </Route>
      <Route path={`${BASES}/:base/edit`}>
        {({ base }) => <EditRowPage key={base} id={rowOfPath(base)} {...shared} />}
      </Route>
      <Route path={`${BASES}/:base/documents/:id/edit`}>
        {({ id }) => <EditDocumentPage key={id} id={id} types={types} />}
      </Route>
      <Route path={`${BASES}/:base/documents/:id`}>
        {({ base, id }) => <DocumentPage key={id} base={rowOfPath(base)} id={id} {...shared} />}
      </Route>
      <Route path={`${BASES}/:base`}>
        {({ base }) => <BasePage key={base} base={rowOfPath(base)} {...shared} />}
      </Route>
      <Route>
        <Text>{messages.common.notFoundTitle}</Text>
      </Route>
    </Switch>
  );
}
