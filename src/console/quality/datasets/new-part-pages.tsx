import { Loader, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { useLocation } from 'wouter';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { PageTitle } from '../../parts/page-title.tsx';
import { RowForm } from '../../rows/form/row-form.tsx';
import type { ResourceType } from '../../rows/resource-types.ts';
import { useRow } from '../../rows/use-row.ts';
import { datasetPage } from '../quality-rows.ts';
import { ItemForm } from './item-form.tsx';

const text = qualityTexts;

type PartPageProps = { type: ResourceType; types: readonly ResourceType[]; dataset: string };
type Dataset = { id: string; name: string };

/** The page of a new item of a data set. */
export function NewItemPage({ type, dataset }: PartPageProps) {
  return (
    <PartPage {...{ type, dataset }} table="howdah.dataset_items" title={text.items.addTitle}>
      {({ id }, back) => <ItemForm datasetId={id} done={back} cancel={back} />}
    </PartPage>
  );
}

/** The page of a new grader of a data set. */
export function NewGraderPage({ type, types, dataset }: PartPageProps) {
  const graders = types.find(({ name }) => name === 'graders');
  return (
    <PartPage {...{ type, dataset }} table="howdah.graders" title={text.graders.addTitle}>
      {({ id }, back) =>
        graders && (
          <RowForm
            type={graders}
            types={types}
            given={{ dataset_id: id }}
            done={back}
            cancel={back}
          />
        )
      }
    </PartPage>
  );
}

type FrameProps = {
  type: ResourceType;
  dataset: string;
  table: string;
  title(name: string): string;
  children(dataset: Dataset, back: () => void): ReactNode;
};

/** Finds the data set, by its id or its name. */
function PartPage({ type, dataset, table, title, children }: FrameProps) {
  const [, navigate] = useLocation();
  const { row, failure, isLoading, reload } = useRow(type, dataset);
  const found = row && { id: String(row.body.id), name: String(row.body.name) };
  return (
    <>
      <PageTitle title={found ? title(found.name) : text.datasets.title} table={table} />
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {!row && !failure && !isLoading && <Text size="sm">{text.datasets.notFound}</Text>}
      {found && children(found, () => navigate(datasetPage(found.id)))}
    </>
  );
}
