import { Button, Group, Loader, Paper, Select, Table, Text, Title } from '@mantine/core';
import { useEffect, useEffectEvent } from 'react';
import { Link } from 'wouter';
import { ListCell } from '../../lists/list-cell.tsx';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { messages } from '../../messages/messages.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { Moment } from '../../parts/moment.tsx';
import { TextFilter } from '../../parts/text-filter.tsx';
import { ListTable } from '../../rows/list/list-table.tsx';
import { apiUrl } from '../../server/base-path.ts';
import { useRest } from '../../server/rest.ts';
import { type Base, copyDocuments, type DocumentFilter, ROWS } from '../copy-knowledge.ts';
import { basePage, type DocumentRow, documentPage, STATUSES } from '../knowledge-rows.ts';
import { useParameters } from '../use-parameters.ts';
import { DocumentState } from './document-status.tsx';
import { RetryButton } from './retry-button.tsx';

const text = knowledgeTexts.documents;

type DocumentListProps = {
  base: Base;
  /** The counts of the base: the page is read again when they change. */
  seen: string | undefined;
  changed(): void;
};

/** The documents of a base, the newest first, by status and words of the title. */
export function DocumentList({ base, seen, changed }: DocumentListProps) {
  const { parameters, change } = useParameters(basePage(base.id));
  const { status, words, after } = parameters;
  const filter: DocumentFilter = { ...(status && { status }), ...(words && { words }) };
  const query = new URLSearchParams({
    knowledge_base_id: base.id,
    ...filter,
    limit: String(ROWS),
    ...(after !== undefined && { cursor: after }),
  });
  const list = useRest<{ data: DocumentRow[]; next: string | null }>(`/api/documents?${query}`);
  const readAgain = useEffectEvent(list.reload);
  useEffect(() => {
    if (seen !== undefined) readAgain();
  }, [seen]);
  const show = (next: DocumentFilter) =>
    change({ status: next.status, words: next.words, after: undefined });
  const { data: rows, next } = list.data?.body ?? {};
  const isFiltered = Object.keys(filter).length > 0;
  return (
    <section aria-label={text.title}>
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="sm" align="baseline">
          <Title order={2} size="h5">
            {text.title}
          </Title>
          <Text size="xs" c="dimmed" ff="monospace">
            howdah.documents
          </Text>
        </Group>
        <CopyAs forms={copyDocuments(base, filter, apiUrl('/'))} />
      </Group>
      <Filters filter={filter} change={show} />
      {list.failure && <FailureAlert failure={list.failure} onRetry={list.reload} />}
      {list.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows && rows.length > 0 && <Documents {...{ base, rows, changed }} />}
      {rows?.length === 0 && (
        <Paper withBorder radius="md" p="md" ta="center">
          <Text size="sm">{isFiltered ? text.noneBy : text.none}</Text>
          {isFiltered && (
            <Button mt="sm" variant="default" size="xs" onClick={() => show({})}>
              {text.clear}
            </Button>
          )}
        </Paper>
      )}
      <Group mt="sm" gap="xs">
        {after !== undefined && (
          <Button variant="default" size="xs" onClick={() => show(filter)}>
            {text.newest}
          </Button>
        )}
        {next && (
          <Button variant="default" size="xs" onClick={() => change({ after: next })}>
            {text.older}
          </Button>
        )}
      </Group>
    </section>
  );
}

type FiltersProps = { filter: DocumentFilter; change(filter: DocumentFilter): void };

function Filters({ filter: { status, words }, change }: FiltersProps) {
  return (
    <Group gap="xs" mb="sm" className="filter-bar">
      <Select
        size="xs"
        w={150}
        aria-label={text.status}
        placeholder={text.anyStatus}
        data={STATUSES.map((value) => ({ value, label: knowledgeTexts.status[value] }))}
        value={status ?? null}
        onChange={(next) => change({ ...(words && { words }), ...(next && { status: next }) })}
        clearable
      />
      <TextFilter
        label={text.words}
        placeholder={text.words}
        value={words ?? ''}
        change={(next) => change({ ...(status && { status }), ...(next && { words: next }) })}
        width={180}
      />
    </Group>
  );
}

type DocumentsProps = { base: Base; rows: readonly DocumentRow[]; changed(): void };

/** The rows. J and K move between them, Enter opens one. */
function Documents({ base, rows, changed }: DocumentsProps) {
  return (
    <ListTable
      label={text.title}
      className="documents"
      head={
        <>
          <Table.Th>{text.document}</Table.Th>
          <Table.Th>{text.status}</Table.Th>
          <Table.Th>{text.since}</Table.Th>
        </>
      }
    >
      {rows.map((row) => (
        <DocumentLine key={row.id} {...{ base, row, changed }} />
      ))}
    </ListTable>
  );
}

type LineProps = { base: Base; row: DocumentRow; changed(): void };

function DocumentLine({ base, row, changed }: LineProps) {
  return (
    <Table.Tr>
      <ListCell place="name" title={row.title}>
        <Link href={documentPage(base.id, row.id)} className="row-link">
          {row.title}
        </Link>
        {row.error && (
          <Text size="xs" className="fault document-error user-text">
            {String(row.error.message ?? row.error.code)}
          </Text>
        )}
      </ListCell>
      <ListCell place="side">
        <DocumentState status={row.status} />
        {row.status === 'failed' && (
          <RetryButton id={row.id} title={row.title} done={changed} isSmall />
        )}
      </ListCell>
      <ListCell label={text.since}>
        <Moment at={row.status_at} />
      </ListCell>
    </Table.Tr>
  );
}
