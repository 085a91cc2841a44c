import { Alert, Button, Loader, Paper, Text } from '@mantine/core';
import { Link, useLocation } from 'wouter';
import { formatCount } from '../../messages/format.ts';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { messages } from '../../messages/messages.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { Moment } from '../../parts/moment.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { isEmptyValue } from '../../parts/value-view.tsx';
import { RowForm } from '../../rows/form/row-form.tsx';
import { isId } from '../../rows/paths.ts';
import type { ResourceType } from '../../rows/resource-types.ts';
import { RowActions } from '../../rows/row-actions.tsx';
import { useRow } from '../../rows/use-row.ts';
import { apiUrl } from '../../server/base-path.ts';
import { useMayWrite } from '../../server/me.tsx';
import { documentContent } from '../../server/operations.generated.ts';
import { useRest } from '../../server/rest.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { usePolling } from '../../server/use-polling.ts';
import { type Base, copyDocument } from '../copy-knowledge.ts';
import { basePage, type DocumentRow, documentPage } from '../knowledge-rows.ts';
import { DocumentState } from './document-status.tsx';
import { DocumentText } from './document-text.tsx';
import { languageName } from './language-select.tsx';
import { characterCount } from './marked-text.ts';
import { RetryButton } from './retry-button.tsx';

const text = knowledgeTexts.document;

type Types = { type: ResourceType; types: readonly ResourceType[] };

/** The page of a document: its facts, and its text with the chunks. */
export function DocumentPage({ type, types, base, id }: Types & { base: string; id: string }) {
  const found = useRow(type, base);
  const documents = types.find(({ name }) => name === 'documents');
  const { data, failure, isLoading, reload } = useRest<DocumentRow>(
    isId(id) ? `/api/documents/${id}` : undefined,
  );
  const row = data?.body;
  const isOpen = row?.status === 'pending' || row?.status === 'working';
  usePolling(reload, JSON.stringify(row), { isOn: isOpen });
  const at = found.row && { id: String(found.row.body.id), name: String(found.row.body.name) };
  const isHere = row !== undefined && row.knowledge_base_id === at?.id;
  const isWaiting = isLoading || found.isLoading;
  return (
    <>
      <PageTitle title={isHere ? row.title : knowledgeTexts.title} table="howdah.documents">
        {isHere && documents && <Actions {...{ base: at, row, reload }} type={documents} />}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {found.failure && <FailureAlert failure={found.failure} onRetry={found.reload} />}
      {isWaiting && <Loader size="sm" aria-label={messages.common.loading} />}
      {!isHere && !isWaiting && !failure && !found.failure && (
        <Text size="sm">{text.notFound}</Text>
      )}
      {isHere && <Document key={row.digest} base={at} row={row} />}
    </>
  );
}

type ActionsProps = { base: Base; row: DocumentRow; type: ResourceType; reload(): void };

function Actions({ base, row, type, reload }: ActionsProps) {
  const [, navigate] = useLocation();
  const mayWrite = useMayWrite('documents');
  const { id, title } = row;
  return (
    <>
      <Button size="xs" variant="subtle" component={Link} href={basePage(base.id)}>
        {text.all}
      </Button>
      <CopyAs forms={copyDocument(base, id, apiUrl('/'))} />
      {row.status === 'failed' && <RetryButton {...{ id, title }} done={reload} />}
      {mayWrite && (
        <>
          <Button size="xs" component={Link} href={`${documentPage(base.id, id)}/edit`}>
            {rowTexts.edit}
          </Button>
          <RowActions
            {...{ type, id, reload }}
            name={title}
            removed={() => navigate(basePage(base.id))}
          />
        </>
      )}
    </>
  );
}

/** The content is read again after a change, which the digest shows. */
function Document({ base, row }: { base: Base; row: DocumentRow }) {
  const { data, failure, isLoading, reload } = useAnswer(documentContent, { id: row.id });
  const content = data?.document?.content;
  return (
    <>
      <Facts {...{ base, row, content }} />
      {row.error && (
        <Alert color="red" variant="outline" className="failure" title={text.failed}>
          <Text size="sm" className="user-text">
            {String(row.error.message ?? '')}
          </Text>
          <Text size="xs" c="dimmed" ff="monospace">
            {String(row.error.code ?? '')}
          </Text>
        </Alert>
      )}
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {data && <DocumentText key={row.status} {...{ base, row }} content={content ?? ''} />}
    </>
  );
}

type FactsProps = { base: Base; row: DocumentRow; content: string | undefined };

function Facts({ base, row, content }: FactsProps) {
  const facts = [
    [text.status, <DocumentState key="status" status={row.status} />],
    [text.since, <Moment key="since" at={row.status_at} />],
    [
      text.base,
      <Link key="base" href={basePage(base.id)} className="hit-link">
        {base.name}
      </Link>,
    ],
    [text.type, row.type],
    ...languageFacts(row),
    [text.size, content === undefined ? '…' : formatCount(characterCount(content))],
    [text.created, <Moment key="created" at={row.created_at} />],
    [text.by, row.created_by],
    ...(row.url === null ? [] : urlFacts(row, row.url)),
    ...(isEmptyValue(row.metadata) ? [] : [[text.metadata, JSON.stringify(row.metadata)] as const]),
  ] as const;
  return (
    <Paper withBorder radius="md" p="md" mb="lg">
      <dl className="row-facts knowledge-facts">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd className="user-text">{value}</dd>
          </div>
        ))}
      </dl>
    </Paper>
  );
}

/** Returns the language that somebody has written, and the one that a worker has found. */
function languageFacts({ language, detected_language: detected }: DocumentRow) {
  const { label, found } = knowledgeTexts.language;
  return [
    ...(language === null ? [] : [[label, languageName(language)] as const]),
    ...(detected === null ? [] : [[found, languageName(detected)] as const]),
  ];
}

/** Returns where a text comes from, and when it is read. A URL is text, and no link. */
function urlFacts({ reread_seconds, read_at }: DocumentRow, url: string) {
  const { url: label, reread, once, readAt, seconds } = knowledgeTexts.url;
  const period = reread_seconds === null ? once : seconds(formatCount(reread_seconds));
  return [
    [label, url],
    [reread, period],
    ...(read_at === null ? [] : [[readAt, <Moment key="read" at={read_at} />] as const]),
  ] as const;
}

/** The form of a document. Its text is not shown there: what is written replaces it. */
export function EditDocumentPage({ types, id }: { types: Types['types']; id: string }) {
  const [, navigate] = useLocation();
  const type = types.find(({ name }) => name === 'documents');
  const { data, failure, isLoading, reload } = useRest<DocumentRow>(
    isId(id) ? `/api/documents/${id}` : undefined,
  );
  const row = data?.body;
  const back = () => row && navigate(documentPage(row.knowledge_base_id, id));
  return (
    <>
      <PageTitle
        title={row ? rowTexts.editTitle(row.title) : rowTexts.edit}
        table="howdah.documents"
      />
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {!isLoading && !failure && !row && <Text size="sm">{text.notFound}</Text>}
      {type && data && row && (
        <RowForm
          {...{ type, types }}
          row={{ body: row, tag: data.tag }}
          done={back}
          cancel={back}
        />
      )}
    </>
  );
}
