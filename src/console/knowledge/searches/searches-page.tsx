import { Anchor, Button, Loader, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import { ListCell } from '../../lists/list-cell.tsx';
import { formatCount } from '../../messages/format.ts';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { messages } from '../../messages/messages.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { Moment } from '../../parts/moment.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { copyList } from '../../rows/copy-rows.ts';
import { FilterBar } from '../../rows/filter-bar.tsx';
import { ListTable } from '../../rows/list/list-table.tsx';
import { PageButtons } from '../../rows/list/page-buttons.tsx';
import type { ResourceType } from '../../rows/resource-types.ts';
import { Empty, useRowList } from '../../rows/rows-page.tsx';
import { apiUrl } from '../../server/base-path.ts';
import { BASES } from '../knowledge-rows.ts';
import { BaseLinks } from './base-links.tsx';
import { type SearchRow, searchPage, stepOf } from './search-rows.ts';

const text = knowledgeTexts.searches;

/** The searches of people, applications and runs, the newest first. The URL has the filter. */
export function SearchesPage({ type, types }: { type: ResourceType; types: ResourceType[] }) {
  const { filter, after, list, show } = useRowList<SearchRow>(type);
  const rows = list.data?.body.data;
  return (
    <>
      <PageTitle title={text.title} table={type.table}>
        <Button size="xs" variant="subtle" component={Link} href={BASES}>
          {knowledgeTexts.all}
        </Button>
        <CopyAs forms={copyList(type, filter, apiUrl('/'))} />
      </PageTitle>
      <FilterBar {...{ type, types, filter }} change={show} />
      {list.failure && <FailureAlert failure={list.failure} onRetry={list.reload} />}
      {list.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows && rows.length > 0 && <SearchesTable rows={rows} />}
      {rows?.length === 0 && <Empty {...{ type, filter }} clear={() => show({})} />}
      <PageButtons
        after={after}
        next={list.data?.body.next}
        show={(cursor) => show(filter, cursor)}
      />
    </>
  );
}

/** The rows. J and K move between them, Enter opens one. */
function SearchesTable({ rows }: { rows: readonly SearchRow[] }) {
  const { columns } = text;
  return (
    <ListTable
      label={text.title}
      className="searches"
      head={
        <>
          <Table.Th>{columns.query}</Table.Th>
          <Table.Th>{columns.who}</Table.Th>
          <Table.Th>{columns.bases}</Table.Th>
          <Table.Th>{columns.mode}</Table.Th>
          <Table.Th ta="right">{columns.results}</Table.Th>
          <Table.Th>{columns.at}</Table.Th>
        </>
      }
    >
      {rows.map((row) => (
        <SearchLine key={row.id} row={row} />
      ))}
    </ListTable>
  );
}

function SearchLine({ row }: { row: SearchRow }) {
  const { columns } = text;
  return (
    <Table.Tr>
      <ListCell place="name">
        <Link href={searchPage(row.id)} className="row-link user-text">
          {row.query ?? text.noQuery}
        </Link>
      </ListCell>
      <ListCell label={columns.who}>
        <Searcher row={row} />
      </ListCell>
      <ListCell label={columns.bases}>
        <BaseLinks names={row.knowledge_bases} />
      </ListCell>
      <ListCell label={columns.mode}>{row.mode}</ListCell>
      <ListCell
        label={columns.results}
        className="figure"
        data-none={row.results === 0 || undefined}
      >
        {formatCount(row.results)}
      </ListCell>
      <ListCell place="side">
        <Moment at={row.created_at} />
      </ListCell>
    </Table.Tr>
  );
}

/** Name of the person or application that searched, or a link to the run that did. */
export function Searcher({ row }: { row: SearchRow }) {
  const path = stepOf(row);
  if (path === undefined) {
    return (
      <Text size="sm" component="span" className="user-text">
        {row.created_by ?? messages.common.none}
      </Text>
    );
  }
  return (
    <Anchor component={Link} href={path} size="sm" className="row-part">
      {row.agent === null ? text.run : text.runOf(row.agent)}
    </Anchor>
  );
}
