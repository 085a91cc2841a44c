import {
  Anchor,
  Button,
  Checkbox,
  Group,
  Modal,
  Select,
  Stack,
  Text,
  TextInput,
} from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import type { Json, JsonObject } from '../../../json/json.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { DATASETS } from '../../rows/paths.ts';
import { toFailure } from '../../server/failure.ts';
import { datasetNames } from '../../server/operations.generated.ts';
import { callRest } from '../../server/rest.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { datasetPage } from '../quality-rows.ts';
import { type Expected, ExpectedInput, readExpected, writtenExpected } from './expected-input.tsx';

const text = qualityTexts.addRun;
const item = qualityTexts.items;

type Faults = Readonly<Record<string, string>>;

/** The run that becomes an item, or one of its steps: its answer is what the form begins with. */
export type ItemSource = {
  id: string;
  output: string | null;
  outputData: Json | null;
  seq?: number;
};
type AddRunDialogProps = { run: ItemSource; close(): void };

/** The form that makes an item of a run, with what the answer should have been. */
export function AddRunDialog({ run, close }: AddRunDialogProps) {
  const [added, setAdded] = useState<{ id: string; name: string }>();
  return (
    <Modal opened onClose={close} title={text.title(run.seq)} size="lg">
      {added ? (
        <Stack gap="md">
          <Text size="sm" role="status">
            {text.done}{' '}
            <Anchor component={Link} href={datasetPage(added.id)} size="sm">
              {added.name}
            </Anchor>
            .
          </Text>
          <Group justify="flex-end">
            <Button onClick={close} data-autofocus>
              {text.close}
            </Button>
          </Group>
        </Stack>
      ) : (
        <AddRunForm run={run} added={setAdded} />
      )}
    </Modal>
  );
}

type AddRunFormProps = { run: ItemSource; added(dataset: { id: string; name: string }): void };

function AddRunForm({ run, added }: AddRunFormProps) {
  const { data, failure: unread, reload } = useAnswer(datasetNames, {});
  const known = data?.datasets?.nodes.filter((one) => one !== null) ?? [];
  const form = useAddRun(run, (id) =>
    added({ id, name: known.find((one) => one.id === id)?.name ?? id }),
  );
  return (
    <Stack component="form" gap="sm" onSubmit={form.submit}>
      {unread && <FailureAlert failure={unread} onRetry={reload} />}
      {form.failure && Object.keys(form.faults).length === 0 && (
        <FailureAlert failure={form.failure} />
      )}
      <Text size="sm">{text.explain(run.seq)}</Text>
      <Select
        label={text.dataset}
        data={known.map(({ id, name }) => ({ value: id, label: name }))}
        value={form.dataset}
        onChange={(dataset) => form.change({ dataset })}
        error={form.faults.dataset}
        searchable
        withAsterisk
      />
      {data && known.length === 0 && (
        <Text size="sm">
          {text.noDatasets}{' '}
          <Anchor component={Link} href={`${DATASETS}/new`} size="sm">
            {qualityTexts.datasets.new}
          </Anchor>
        </Text>
      )}
      <ExpectedInput
        value={form.expected}
        change={(expected) => form.change({ expected })}
        error={form.faults.expected}
      />
      <TextInput
        label={item.split}
        description={item.splitHint}
        value={form.split}
        onChange={(event) => form.change({ split: event.currentTarget.value })}
        error={form.faults.split}
      />
      <Checkbox
        label={text.anonymize}
        description={text.anonymizeHint}
        checked={form.anonymize}
        onChange={(event) => form.change({ anonymize: event.currentTarget.checked })}
      />
      <Group justify="flex-end" gap="xs">
        <Button type="submit" loading={form.isBusy}>
          {text.submit}
        </Button>
      </Group>
    </Stack>
  );
}

/** Returns the faults of fields that the form has. */
const placeFaults = (faults: Faults): Faults =>
  Object.fromEntries(
    Object.entries(faults).filter(([name]) => name === 'expected' || name === 'split'),
  );

/** The fields of the form. */
type Written = { dataset: string | null; expected: Expected; split: string; anonymize: boolean };

function useAddRun(run: ItemSource, added: (dataset: string) => void) {
  const [written, setWritten] = useState<Written>(() => ({
    ...{ dataset: null, expected: writtenExpected(run.outputData ?? run.output), split: '' },
    anonymize: false,
  }));
  const [faults, setFaults] = useState<Faults>({});
  const { start, failure, isBusy } = useAction(async () => {
    const read = readItem(written);
    setFaults(read.faults);
    const { dataset } = written;
    if (dataset === null || Object.keys(read.faults).length > 0) return;
    const { id, seq } = run;
    const body = { execution_id: id, ...(seq !== undefined && { seq }), ...read.body };
    try {
      await callRest(`/api/datasets/${dataset}/runs`, { method: 'POST', body });
    } catch (error) {
      setFaults(placeFaults(toFailure(error).faults));
      throw error;
    }
    added(dataset);
  });
  const change = (next: Partial<Written>) => {
    setWritten((last) => ({ ...last, ...next }));
    setFaults({});
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start();
  };
  return { ...written, change, faults, failure, isBusy, submit };
}

function readItem({ dataset, expected, split, anonymize }: Written) {
  const read = expectedIn(expected);
  const faults: Faults = {
    ...(dataset === null && { dataset: qualityTexts.start.chooseDataset }),
    ...('fault' in read && { expected: read.fault }),
  };
  const body: JsonObject = {
    ...('value' in read && { expected: read.value }),
    ...(split.trim() !== '' && { split: split.trim() }),
    ...(anonymize && { anonymize }),
  };
  return { faults, body };
}

function expectedIn(expected: Expected): { value: Json } | { fault: string } {
  try {
    const value = readExpected(expected);
    return value === undefined ? { fault: text.required } : { value };
  } catch {
    return { fault: item.notJson };
  }
}
