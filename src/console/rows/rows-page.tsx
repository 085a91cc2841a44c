import { Button, Group, Loader, Paper, Text } from '@mantine/core';
import { Plus } from 'lucide-react';
import { Link, useLocation, useSearch } from 'wouter';
import type { JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { apiUrl } from '../server/base-path.ts';
import { useMayWrite } from '../server/me.tsx';
import { useRest } from '../server/rest.ts';
import { copyList, type Filter, ROWS } from './copy-rows.ts';
import { FilterBar } from './filter-bar.tsx';
import { PageButtons } from './list/page-buttons.tsx';
import { listPath } from './paths.ts';
import { type ResourceType, tableOf, titleOf } from './resource-types.ts';
import { RowsTable } from './rows-table.tsx';

const CURSOR = 'after';

/** Reads a page of the rows of a kind. The URL holds the filter and the page. */
export function useRowList<Row = JsonObject>(type: ResourceType) {
  const [, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  const filter = readFilter(type, search);
  const after = search.get(CURSOR);
  const list = useRest<{ data: Row[]; next: string | null }>(pathOf(type, filter, after));
  const show = (next: Filter, cursor?: string) => {
    const query = new URLSearchParams(next);
    if (cursor !== undefined) query.set(CURSOR, cursor);
    navigate(query.size > 0 ? `${listPath(type.name)}?${query}` : listPath(type.name));
  };
  return { filter, after, list, show };
}

/** The list of the rows of a kind. */
export function RowsPage({ type, types }: { type: ResourceType; types: readonly ResourceType[] }) {
  const { filter, after, list, show } = useRowList(type);
  const mayWrite = useMayWrite(tableOf(type));
  const rows = list.data?.body.data;
  const next = list.data?.body.next;
  return (
    <>
      <PageTitle title={titleOf(type)} table={type.table}>
        <CopyAs forms={copyList(type, filter, apiUrl('/'))} />
        {type.create && mayWrite && <NewButton type={type} />}
      </PageTitle>
      <FilterBar {...{ type, types, filter }} change={show} />
      {list.failure && <FailureAlert failure={list.failure} onRetry={list.reload} />}
      {list.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows && rows.length > 0 && <RowsTable {...{ type, types, rows }} />}
      {rows?.length === 0 && <Empty {...{ type, filter }} clear={() => show({})} />}
      <PageButtons after={after} next={next} show={(cursor) => show(filter, cursor)} />
    </>
  );
}

function readFilter({ filters }: ResourceType, search: URLSearchParams): Filter {
  return Object.fromEntries(
    filters.flatMap(({ name }) => {
      const value = search.get(name);
      return value ? [[name, value]] : [];
    }),
  );
}

function pathOf({ path }: ResourceType, filter: Filter, after: string | null): string {
  const query = new URLSearchParams({ ...filter, limit: String(ROWS) });
  if (after !== null) query.set('cursor', after);
  return `${path}?${query}`;
}

function NewButton({ type }: { type: ResourceType }) {
  return (
    <Button
      size="xs"
      component={Link}
      href={`${listPath(type.name)}/new`}
      leftSection={<Plus size={14} aria-hidden />}
    >
      {rowTexts.new(type.one)}
    </Button>
  );
}

type EmptyProps = { type: ResourceType; filter: Filter; clear(): void };

/** Says why the list is empty. */
export function Empty({ type, filter, clear }: EmptyProps) {
  const mayWrite = useMayWrite(tableOf(type));
  const names = type.filters.filter(({ name }) => name in filter).map(({ label }) => label);
  return (
    <Paper withBorder radius="md" p="xl" ta="center">
      <Text>
        {names.length > 0
          ? rowTexts.emptyBy(type.many, names.join(', '))
          : rowTexts.emptyAll(type.many)}
      </Text>
      {names.length > 0 && (
        <Button mt="sm" variant="default" size="xs" onClick={clear}>
          {rowTexts.clear}
        </Button>
      )}
      {names.length === 0 && type.create && mayWrite && (
        <Group justify="center" mt="sm">
          <NewButton type={type} />
        </Group>
      )}
      {names.length === 0 && type.create && mayWrite && type.command !== null && (
        <Text size="xs" c="dimmed" ff="monospace" mt="xs">
          npx howdah {type.command} create --help
        </Text>
      )}
    </Paper>
  );
}
