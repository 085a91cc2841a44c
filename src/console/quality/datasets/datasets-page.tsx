import { Button, Loader, Paper, Table, Text, Title } from '@mantine/core';
import { Plus } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { useParameters } from '../../knowledge/use-parameters.ts';
import { ListCell } from '../../lists/list-cell.tsx';
import { formatCount } from '../../messages/format.ts';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { ValueView } from '../../parts/value-view.tsx';
import { ListTable } from '../../rows/list/list-table.tsx';
import { PageButtons } from '../../rows/list/page-buttons.tsx';
import { DATASETS } from '../../rows/paths.ts';
import { apiUrl } from '../../server/base-path.ts';
import { useMayWrite } from '../../server/me.tsx';
import { useRest } from '../../server/rest.ts';
import { copyDatasets, firstDataset, ROWS } from '../copy-quality.ts';
import { datasetPage } from '../quality-rows.ts';

const text = qualityTexts.datasets;

/** A data set, as `GET /api/datasets` shows it. */
export type DatasetRow = { id: string; name: string; description: string | null; items: number };

/** The list of data sets. The URL has the page. */
export function DatasetsPage() {
  const { parameters, change } = useParameters(DATASETS);
  const { after } = parameters;
  const query = new URLSearchParams({
    limit: String(ROWS),
    ...(after !== undefined && { cursor: after }),
  });
  const { data, failure, isLoading, reload } = useRest<{
    data: DatasetRow[];
    next: string | null;
  }>(`/api/datasets?${query}`);
  const mayWrite = useMayWrite('datasets');
  const { data: rows, next } = data?.body ?? {};
  return (
    <>
      <PageTitle title={text.title} table="howdah.datasets">
        <CopyAs forms={copyDatasets(apiUrl('/'))} />
        {mayWrite && <NewButton />}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows && rows.length > 0 && <DatasetsTable rows={rows} />}
      {rows?.length === 0 && after === undefined && <FirstDataset />}
      <PageButtons {...{ after, next }} show={(cursor) => change({ after: cursor })} />
    </>
  );
}

function NewButton() {
  return (
    <Button
      size="xs"
      component={Link}
      href={`${DATASETS}/new`}
      leftSection={<Plus size={14} aria-hidden />}
    >
      {text.new}
    </Button>
  );
}

/** Data sets with their items. */
export function DatasetsTable({ rows }: { rows: readonly DatasetRow[] }) {
  return (
    <ListTable
      label={text.title}
      className="datasets"
      head={
        <>
          <Table.Th>{text.name}</Table.Th>
          <Table.Th ta="right">{text.items}</Table.Th>
          <Table.Th>{text.description}</Table.Th>
        </>
      }
    >
      {rows.map(({ id, name, items, description }) => (
        <Table.Tr key={id}>
          <ListCell place="name">
            <Link href={datasetPage(id)} className="row-link">
              {name}
            </Link>
          </ListCell>
          <ListCell label={text.items} className="figure">
            {formatCount(items)}
          </ListCell>
          <ListCell place="text" className="user-text">
            {description}
          </ListCell>
        </Table.Tr>
      ))}
    </ListTable>
  );
}

/** Ways to create a first data set. */
export function FirstDataset() {
  const mayWrite = useMayWrite('datasets');
  const ways = firstDataset(apiUrl('/'));
  return (
    <div role="status">
      <Text size="sm">{text.none}</Text>
      <Text size="sm" mb="md">
        {text.noneHint}
      </Text>
      <div className="cards">
        <Way title={text.sql}>
          <ValueView value={ways.sql} label={text.sql} />
        </Way>
        <Way title={text.http}>
          <ValueView value={ways.curl} label={text.http} />
        </Way>
        <Way title={text.cli}>
          <ValueView value={ways.cli} label={text.cli} />
        </Way>
        {mayWrite && (
          <Way title={text.here}>
            <NewButton />
          </Way>
        )}
      </div>
    </div>
  );
}

function Way({ title, children }: { title: string; children: ReactNode }) {
  return (
    <Paper withBorder radius="md" p="md">
      <Title order={2} size="h6" mb="xs">
        {title}
      </Title>
      {children}
    </Paper>
  );
}
