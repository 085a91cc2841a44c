import { Anchor, Button, Loader, Paper, Text } from '@mantine/core';
import { Link, useLocation } from 'wouter';
import type { JsonObject } from '../../json/json.ts';
import { formatCount } from '../messages/format.ts';
import { knowledgeTexts } from '../messages/knowledge-texts.ts';
import { messages } from '../messages/messages.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { isEmptyValue } from '../parts/value-view.tsx';
import { Value } from '../rows/cell.tsx';
import { type ResourceType, withoutTwins } from '../rows/resource-types.ts';
import { RowActions } from '../rows/row-actions.tsx';
import { useRow } from '../rows/use-row.ts';
import { apiUrl } from '../server/base-path.ts';
import { useMayWrite } from '../server/me.tsx';
import { knowledgeState } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { usePolling } from '../server/use-polling.ts';
import { copyState } from './copy-knowledge.ts';
import { DocumentList } from './documents/document-list.tsx';
import { BaseProgress } from './documents/document-status.tsx';
import { Upload } from './documents/upload.tsx';
import { BASES, type BaseState, basePage, sumsOf } from './knowledge-rows.ts';
import { SearchTester } from './search-tester.tsx';

const text = knowledgeTexts;

type BasePageProps = { type: ResourceType; types: readonly ResourceType[]; base: string };

/** The page of a knowledge base: its settings, a search in it, and its documents. */
export function BasePage({ type, base }: BasePageProps) {
  const { row, failure, isLoading, reload } = useRow(type, base);
  return (
    <>
      <PageTitle title={row ? String(row.body.name) : text.title} table={type.table}>
        {row && <Actions {...{ type, reload }} row={row.body} />}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {!row && !failure && !isLoading && <Text size="sm">{rowTexts.notFound(type.one)}</Text>}
      {row && <Base type={type} row={row.body} />}
    </>
  );
}

type ActionsProps = { type: ResourceType; row: JsonObject; reload(): void };

function Actions({ type, row, reload }: ActionsProps) {
  const [, navigate] = useLocation();
  const mayWrite = useMayWrite('knowledge_bases');
  const [id, name] = [String(row.id), String(row.name)];
  return (
    <>
      <Button size="xs" variant="subtle" component={Link} href={BASES}>
        {text.all}
      </Button>
      <CopyAs forms={copyState({ id, name }, apiUrl('/'))} />
      {mayWrite && (
        <>
          <Button size="xs" component={Link} href={`${basePage(id)}/edit`}>
            {rowTexts.edit}
          </Button>
          <RowActions {...{ type, id, name, reload }} removed={() => navigate(BASES)} />
        </>
      )}
    </>
  );
}

/** A base and its documents. The counts are read again while the page is open. */
function Base({ type, row }: { type: ResourceType; row: JsonObject }) {
  const base = { id: String(row.id), name: String(row.name) };
  const mayAdd = useMayWrite('documents');
  const { data, failure, reload } = useAnswer(knowledgeState, { id: base.id });
  const state = data?.knowledgeBase?.state as BaseState | undefined;
  const seen = JSON.stringify(state);
  usePolling(reload, seen);
  const isEmpty = state !== undefined && sumsOf(state).all === 0;
  return (
    <>
      <Facts {...{ type, row, state }} />
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      <div className="base-parts" data-empty={isEmpty || undefined}>
        {!isEmpty && <SearchTester base={base} />}
        <div>
          {mayAdd && <Upload base={base} added={reload} />}
          <DocumentList {...{ base, seen }} changed={reload} />
        </div>
      </div>
    </>
  );
}

type FactsProps = { type: ResourceType; row: JsonObject; state: BaseState | undefined };

function Facts({ type, row, state }: FactsProps) {
  const hidden = ['id', 'name', 'updated_at'];
  const fields = withoutTwins(type.fields.filter((field) => field.is_shown)).filter(
    ({ name }) => !hidden.includes(name) && !isEmptyValue(row[name]),
  );
  return (
    <Paper withBorder radius="md" p="md" mb="lg" component="section" aria-label={text.facts}>
      <dl className="row-facts knowledge-facts">
        <div>
          <dt>{text.columns.documents}</dt>
          <dd>
            <div role="status">{state ? <BaseProgress state={state} /> : '…'}</div>
          </dd>
        </div>
        <div>
          <dt>{text.columns.chunks}</dt>
          <dd>{state ? formatCount(state.chunks) : '…'}</dd>
        </div>
        {fields.map((field) => (
          <div key={field.name} title={field.description}>
            <dt>{field.label}</dt>
            <dd>
              {field.name === 'agents' ? (
                <Agents names={row.agents} />
              ) : (
                <Value field={field} value={row[field.name]} />
              )}
            </dd>
          </div>
        ))}
      </dl>
    </Paper>
  );
}

/** The agents that may search the base. */
function Agents({ names }: { names: unknown }) {
  const all = Array.isArray(names) ? names.map(String) : [];
  return all.map((name, index) => (
    <span key={name}>
      {index > 0 && ', '}
      <Anchor component={Link} href={`/agents/${encodeURIComponent(name)}`} size="sm">
        {name}
      </Anchor>
    </span>
  ));
}
