import { Button, Group, Stack, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { toFailure } from '../../server/failure.ts';
import { callRest } from '../../server/rest.ts';
import { type Expected, ExpectedInput, readExpected } from './expected-input.tsx';

const text = qualityTexts.items;

type Written = {
  input: string;
  inputData: string;
  expected: Expected;
  split: string;
  tags: string;
};
type Faults = Readonly<Record<string, string>>;
const EMPTY: Written = {
  ...{ input: '', inputData: '', split: '', tags: '' },
  expected: { words: '', isJson: false },
};

type ItemFormProps = { datasetId: string; done(): void; cancel(): void };

/** The form of a new item. Faults are shown at their fields. */
export function ItemForm({ datasetId, done, cancel }: ItemFormProps) {
  const { written, change, faults, submit, failure, isBusy } = useItemForm(datasetId, done);
  const field = (name: 'input' | 'inputData' | 'split' | 'tags') => ({
    label: text[name],
    value: written[name],
    onChange: (event: { currentTarget: { value: string } }) =>
      change({ [name]: event.currentTarget.value }),
    error: faults[name],
  });
  return (
    <Stack component="form" gap="md" maw={720} onSubmit={submit}>
      {failure && Object.keys(faults).length === 0 && <FailureAlert failure={failure} />}
      <Textarea {...field('input')} autosize minRows={2} maxRows={16} data-autofocus />
      <Textarea {...field('inputData')} autosize minRows={1} maxRows={16} />
      <ExpectedInput
        value={written.expected}
        change={(expected) => change({ expected })}
        error={faults.expected}
      />
      <TextInput {...field('split')} description={text.splitHint} />
      <Textarea {...field('tags')} description={text.tagsHint} autosize minRows={1} maxRows={8} />
      <Group gap="xs">
        <Button type="submit" loading={isBusy}>
          {text.submit}
        </Button>
        <Button variant="default" onClick={cancel}>
          {messages.common.cancel}
        </Button>
      </Group>
    </Stack>
  );
}

/** Names of the API for fields of the form that have others. */
const FIELD_OF: Readonly<Record<string, string>> = { input_data: 'inputData', metadata: 'tags' };

function useItemForm(datasetId: string, done: () => void) {
  const [written, setWritten] = useState(EMPTY);
  const [faults, setFaults] = useState<Faults>({});
  const { start, failure, isBusy } = useAction(async () => {
    const read = readItem(written);
    setFaults(read.faults);
    if (Object.keys(read.faults).length > 0) return;
    try {
      const body = { dataset_id: datasetId, ...read.body };
      await callRest('/api/dataset-items', { method: 'POST', body });
    } catch (error) {
      const named = Object.entries(toFailure(error).faults);
      const placed = named.map(([name, fault]) => [FIELD_OF[name] ?? name, fault] as const);
      setFaults(Object.fromEntries(placed.filter(([name]) => name in EMPTY)));
      throw error;
    }
    done();
  });
  const change = (next: Partial<Written>) => {
    setWritten((last) => ({ ...last, ...next }));
    setFaults({});
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start();
  };
  return { written, change, faults, submit, failure, isBusy };
}

/** Reads the form: the item, and the faults of fields that hold no JSON. */
function readItem({ input, inputData, expected, split, tags }: Written) {
  const data = read(() => (inputData.trim() === '' ? undefined : parseJson<Json>(inputData)));
  const wanted = read(() => readExpected(expected));
  const metadata = read(() => (tags.trim() === '' ? undefined : parseJson<Json>(tags)));
  const isObject = metadata === undefined || isJsonObject(metadata as Json);
  const isEmpty = input.trim() === '' && data === undefined;
  const faults: Faults = {
    ...(isEmpty && { input: text.required }),
    ...(data === FAULT && { inputData: text.notJson }),
    ...(wanted === FAULT && { expected: text.notJson }),
    ...((metadata === FAULT || !isObject) && { tags: text.notObject }),
  };
  const body: JsonObject = Object.fromEntries(
    Object.entries({
      ...{ input: input === '' ? undefined : input, input_data: data, expected: wanted },
      ...{ split: split.trim() === '' ? undefined : split.trim(), metadata },
    }).filter(([, value]) => value !== undefined),
  ) as JsonObject;
  return { faults, body };
}

const FAULT = Symbol('not JSON');

function read(parse: () => Json | undefined): Json | undefined | typeof FAULT {
  try {
    return parse();
  } catch {
    return FAULT;
  }
}
