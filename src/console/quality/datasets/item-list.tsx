import { Anchor, Button, Group, Loader, Modal, Paper, Text, Title } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { Json, JsonObject } from '../../../json/json.ts';
import { useParameters } from '../../knowledge/use-parameters.ts';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { PageButtons } from '../../rows/list/page-buttons.tsx';
import { apiUrl } from '../../server/base-path.ts';
import { useMayWrite } from '../../server/me.tsx';
import { callRest, useRest } from '../../server/rest.ts';
import { FilesOf } from '../../values/files-of.tsx';
import { copyItems, ROWS } from '../copy-quality.ts';
import { datasetPage, shownConversation, shownText } from '../quality-rows.ts';
import { LongText } from '../result-item.tsx';

const text = qualityTexts.items;

/** An item, as `GET /api/dataset-items` shows it. */
type ItemRow = {
  id: string;
  input: string;
  input_data: Json;
  input_parts: Json;
  history: Json;
  expected: Json;
  split: string | null;
  metadata: JsonObject;
  removed_at: string | null;
  source_execution_id: string | null;
  source_seq: number | null;
};

/** The items of a data set, also the removed ones, the newest first. The URL has the page. */
export function ItemList({ dataset }: { dataset: { id: string; name: string } }) {
  const { parameters, change } = useParameters(datasetPage(dataset.id));
  const { after } = parameters;
  const mayWrite = useMayWrite('dataset_items');
  const query = new URLSearchParams({
    ...{ dataset_id: dataset.id, limit: String(ROWS) },
    ...(after !== undefined && { cursor: after }),
  });
  const list = useRest<{ data: ItemRow[]; next: string | null }>(`/api/dataset-items?${query}`);
  const [chosen, choose] = useState<ItemRow>();
  const { data: rows, next } = list.data?.body ?? {};
  return (
    <section aria-label={text.title} className="dataset-part">
      <Group justify="space-between" mb="xs" gap="xs">
        <Group gap="sm" align="baseline">
          <Title order={2} size="h5">
            {text.title}
          </Title>
          <Text size="xs" c="dimmed" ff="monospace">
            howdah.dataset_items
          </Text>
        </Group>
        <Group gap="xs">
          <CopyAs forms={copyItems(dataset, apiUrl('/'))} />
          {mayWrite && (
            <Button size="xs" component={Link} href={`${datasetPage(dataset.id)}/items/new`}>
              {text.add}
            </Button>
          )}
        </Group>
      </Group>
      {list.failure && <FailureAlert failure={list.failure} onRetry={list.reload} />}
      {list.isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {rows?.length === 0 && <Text size="sm">{text.none}</Text>}
      {rows && rows.length > 0 && (
        <ul className="results">
          {rows.map((row) => (
            <Item key={row.id} row={row} remove={mayWrite ? () => choose(row) : undefined} />
          ))}
        </ul>
      )}
      <PageButtons {...{ after, next }} show={(cursor) => change({ after: cursor })} />
      <RemoveDialog
        row={chosen}
        close={(isRemoved) => {
          choose(undefined);
          if (isRemoved) list.reload();
        }}
      />
    </section>
  );
}

type ItemProps = { row: ItemRow; remove: (() => void) | undefined };

function Item({ row, remove }: ItemProps) {
  const input = shownText(row.input, row.input_data);
  const tags = Object.entries(row.metadata).map(
    ([name, value]) => `${name}: ${shownText(null, value)}`,
  );
  return (
    <Paper
      withBorder
      radius="md"
      p="sm"
      component="li"
      className="result"
      data-removed={row.removed_at !== null || undefined}
    >
      <div className="result-head">
        {row.removed_at !== null && <Text size="sm">{text.removed}</Text>}
        {row.split !== null && (
          <Text size="xs" className="user-text">
            {text.split}: {row.split}
          </Text>
        )}
        {tags.map((tag) => (
          <Text key={tag} size="xs" className="user-text">
            {tag}
          </Text>
        ))}
        <Source row={row} />
        {remove && row.removed_at === null && (
          <Button
            size="compact-xs"
            variant="default"
            onClick={remove}
            aria-label={text.removeOf(input.slice(0, 60))}
          >
            {text.remove}
          </Button>
        )}
      </div>
      <div className="result-parts">
        <LongText title={text.conversation} value={shownConversation(row.history)} />
        <LongText title={text.input} value={input} />
        <FilesOf parts={row.input_parts} />
        <LongText title={text.expected} value={shownText(null, row.expected)} />
      </div>
    </Paper>
  );
}

/** The run or the step from which an item was made. */
function Source({ row: { source_execution_id: run, source_seq: seq } }: { row: ItemRow }) {
  if (run === null) return null;
  return (
    <Anchor component={Link} href={seq === null ? `/runs/${run}` : `/runs/${run}/${seq}`} size="xs">
      {seq === null ? text.source : text.sourceStep(seq)}
    </Anchor>
  );
}

type RemoveDialogProps = {
  row: ItemRow | undefined;
  /** Closes the dialog. True if the item was removed. */
  close(isRemoved: boolean): void;
};

function RemoveDialog({ row, close }: RemoveDialogProps) {
  const { start, failure, isBusy, clear } = useAction(async () => {
    if (!row) return;
    await callRest(`/api/dataset-items/${row.id}`, {
      method: 'PATCH',
      body: { removed_at: new Date().toISOString() },
    });
    close(true);
  });
  const cancel = () => {
    clear();
    close(false);
  };
  return (
    <Modal opened={row !== undefined} onClose={cancel} title={text.confirm}>
      <Text size="sm">{text.confirmText}</Text>
      {failure && <FailureAlert failure={failure} />}
      <Group justify="flex-end" mt="md" gap="xs">
        <Button variant="default" onClick={cancel}>
          {text.keep}
        </Button>
        <Button color="red.9" onClick={start} loading={isBusy}>
          {text.remove}
        </Button>
      </Group>
    </Modal>
  );
}
