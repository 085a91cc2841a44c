import { Group, Loader, Paper, SegmentedControl, Text, Title } from '@mantine/core';
import { useEffect, useEffectEvent } from 'react';
import { useParameters } from '../knowledge/use-parameters.ts';
import { messages } from '../messages/messages.ts';
import { qualityTexts } from '../messages/quality-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageButtons } from '../rows/list/page-buttons.tsx';
import { useRowKeys } from '../rows/list/use-row-keys.ts';
import { apiUrl } from '../server/base-path.ts';
import { useRest } from '../server/rest.ts';
import { copyResults, ROWS } from './copy-quality.ts';
import { evaluationPage, type ResultRow } from './quality-rows.ts';
import { ResultItem } from './result-item.tsx';
import { useResultDetails } from './use-result-details.ts';

const text = qualityTexts.results;

type ResultsProps = {
  id: string;
  repeats: number;
  /** The state of the evaluation: the page is read again when it changes. */
  seen: string | undefined;
};

/** The results of an evaluation, all or those that failed. The URL has the page. */
export function Results({ id, repeats, seen }: ResultsProps) {
  const { parameters, change } = useParameters(evaluationPage(id));
  const { after } = parameters;
  const isFailed = parameters.show === 'failed';
  const query = new URLSearchParams({
    ...{ evaluation_id: id, limit: String(ROWS) },
    ...(isFailed && { passed: 'false' }),
    ...(after !== undefined && { cursor: after }),
  });
  const list = useRest<{ data: ResultRow[]; next: string | null }>(
    `/api/evaluation-results?${query}`,
  );
  const readAgain = useEffectEvent(list.reload);
  useEffect(() => {
    if (seen !== undefined) readAgain();
  }, [seen]);
  const { data: rows, next } = list.data?.body ?? {};
  return (
    <section aria-label={text.title}>
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="sm" align="baseline">
          <Title order={2} size="h5">
            {text.title}
          </Title>
          <Text size="xs" c="dimmed" ff="monospace">
            howdah.evaluation_results
          </Text>
        </Group>
        <Group gap="xs">
          <SegmentedControl
            size="xs"
            aria-label={text.shown}
            data={[
              { value: 'all', label: text.all },
              { value: 'failed', label: text.failed },
            ]}
            value={isFailed ? 'failed' : 'all'}
            onChange={(show) =>
              change({ show: show === 'failed' ? show : undefined, after: undefined })
            }
          />
          <CopyAs forms={copyResults(id, isFailed, apiUrl('/'))} />
        </Group>
      </Group>
      {list.failure && <FailureAlert failure={list.failure} onRetry={list.reload} />}
      {list.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows && rows.length > 0 && <ResultList rows={rows} repeats={repeats} />}
      {rows?.length === 0 && (
        <Paper withBorder radius="md" p="md" ta="center">
          <Text size="sm">{isFailed ? text.noneFailed : text.none}</Text>
        </Paper>
      )}
      <PageButtons {...{ after, next }} show={(cursor) => change({ after: cursor })} />
    </section>
  );
}

type ListProps = { rows: readonly ResultRow[]; repeats: number };

function ResultList({ rows, repeats }: ListProps) {
  const list = useRowKeys<HTMLUListElement>();
  const { items, runs, failure, reload } = useResultDetails(
    rows.flatMap((row) => row.item_id ?? []),
    rows.flatMap((row) => row.execution_id ?? []),
  );
  return (
    <>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      <ul className="results" ref={list}>
        {rows.map((row) => (
          <ResultItem
            key={row.id}
            {...{ row, repeats }}
            item={items.get(row.item_id ?? '')}
            run={row.execution_id === null ? undefined : runs.get(row.execution_id)}
          />
        ))}
      </ul>
    </>
  );
}
