import { Button, Group, Stack, Text } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { Json, JsonObject } from '../../../json/json.ts';
import { messages } from '../../messages/messages.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { toFailure } from '../../server/failure.ts';
import { callRest, type RestAnswer } from '../../server/rest.ts';
import { hasSubject, referenceOf } from '../references/reference-of.ts';
import type { ResourceType, RowField } from '../resource-types.ts';
import { TestDialog, useModelTest } from '../trials/model-test.tsx';
import { FieldInput } from './field-input.tsx';
import {
  beginForm,
  formFields,
  kindOf,
  partFields,
  readForm,
  type Written,
  type WrittenFields,
} from './form-values.ts';

type RowFormProps = {
  type: ResourceType;
  types: readonly ResourceType[];
  /** The row that is changed, with its tag; undefined for a new row. */
  row?: RestAnswer<JsonObject>;
  /** Fields of a new row that the form does not ask for. */
  given?: JsonObject;
  done(row: JsonObject): void;
  cancel(): void;
};

/** The form of a new row, or of a change of a row. Faults are shown at their fields. */
export function RowForm({ type, types, row, given, done, cancel }: RowFormProps) {
  const form = useRowForm({ type, row, given, done });
  const { first, more } = partFields(type, form.fields);
  const others = Object.keys(form.faults).filter(
    (name) => !form.fields.some((f) => f.name === name),
  );
  return (
    <Stack component="form" gap="md" maw={720} onSubmit={form.submit}>
      {form.failure && (Object.keys(form.faults).length === 0 || others.length > 0) && (
        <FailureAlert failure={form.failure} />
      )}
      <Fields {...{ type, types, form }} fields={first} />
      {more.length > 0 && (
        <details className="more-fields">
          <summary>{rowTexts.more(more.length)}</summary>
          <Fields {...{ type, types, form }} fields={more} />
        </details>
      )}
      {form.isUnchanged && <Text size="sm">{rowTexts.noChange}</Text>}
      <Group gap="xs">
        <Button type="submit" loading={form.isBusy}>
          {row ? rowTexts.save : rowTexts.create(type.one)}
        </Button>
        {type.name === 'models' && <TestButton form={form} id={row?.body.id} />}
        <Button variant="default" onClick={cancel}>
          {messages.common.cancel}
        </Button>
      </Group>
    </Stack>
  );
}

type FieldsProps = Pick<RowFormProps, 'type' | 'types'> & {
  form: Form;
  fields: readonly RowField[];
};

function Fields({ type, types, form, fields }: FieldsProps) {
  return (
    <div className="row-form">
      {fields.filter(isAsked(type, form.written)).map((field) => (
        <div key={field.name} data-wide={isWide(field, type) || undefined}>
          <FieldInput
            {...{ type, types }}
            field={{ ...field, references: referenceOf(type, field, form.written) }}
            value={form.written[field.name] ?? ''}
            change={(value) => form.change(field.name, value)}
            error={form.faults[field.name]}
          />
        </div>
      ))}
    </div>
  );
}

/** Returns whether a form asks for a field: for a subject only if the scope has one. */
const isAsked = (type: ResourceType, written: WrittenFields) => (field: RowField) =>
  hasSubject(type, field, written);

type TestButtonProps = { form: Form; id: Json | undefined };

/** Tests the model that is written in the form, before it is saved. */
function TestButton({ form, id }: TestButtonProps) {
  const test = useModelTest();
  const run = async (body: JsonObject) => {
    try {
      await test.run({ ...body, ...(id !== undefined && { id }) });
    } catch (error) {
      test.close(); // what the server rejects stands in the form
      throw error;
    }
  };
  return (
    <>
      <Button
        variant="default"
        onClick={() => (form.isTesting ? test.show() : form.test(run))}
        disabled={form.isBusy}
      >
        {rowTexts.modelTest.button}
      </Button>
      <TestDialog name={String(form.written.name ?? '')} test={test} />
    </>
  );
}

/** Returns whether a field takes the whole width: texts and JSON may be long. */
function isWide(field: RowField, type: ResourceType): boolean {
  const kind = kindOf(field, type.name_field);
  return !['number', 'boolean', 'choice', 'time', 'row', 'choices'].includes(kind);
}

type Form = ReturnType<typeof useRowForm>;

type Send = (body: JsonObject) => Promise<void>;

type UseRowFormProps = Pick<RowFormProps, 'type' | 'row' | 'given' | 'done'>;

function useRowForm({ type, row, given, done }: UseRowFormProps) {
  const [isUnchanged, setUnchanged] = useState(false);
  const { fields, written, faults, change, sendWritten } = useFields({ type, row, given });
  // a test takes up to a minute, in which the form can be saved
  const saving = useAction(sendWritten);
  const testing = useAction(sendWritten);
  const save = async (body: JsonObject) => {
    if (row && Object.keys(body).length === 0) setUnchanged(true);
    else done((await sendRow(type, row, { ...given, ...body })).body);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setUnchanged(false);
    testing.clear();
    saving.start(save);
  };
  const test = (send: Send) => {
    setUnchanged(false);
    saving.clear();
    testing.start(send);
  };
  return {
    ...{ fields, written, faults, isUnchanged, submit, test, change },
    ...{ failure: saving.failure ?? testing.failure, isBusy: saving.isBusy },
    isTesting: testing.isBusy,
  };
}

/** The fields of a form: what is written into them, and their faults. */
function useFields({ type, row, given = {} }: Omit<UseRowFormProps, 'done'>) {
  const fields = formFields(type, row?.body).filter(({ name }) => !(name in given));
  const [begun] = useState(() => beginForm(fields, row?.body));
  const [written, setWritten] = useState<Readonly<Record<string, Written>>>(begun);
  const [faults, setFaults] = useState<Readonly<Record<string, string>>>({});
  /** Sends what is written, unless it has a fault. Faults of the answer stand at their fields. */
  const sendWritten = async (send: Send) => {
    const read = readForm(fields, written, begun, row === undefined);
    setFaults(
      Object.fromEntries(
        Object.entries(read.faults).map(([name, f]) => [name, rowTexts.faults[f]]),
      ),
    );
    const [first] = Object.keys(read.faults);
    if (first !== undefined) return focusFirst(first);
    try {
      await send(read.body);
    } catch (error) {
      const found = placeFaults(fields, toFailure(error).faults);
      setFaults(found);
      focusFirst(fields.map(({ name }) => name).find((name) => name in found));
      throw error;
    }
  };
  const change = (name: string, value: Written) => {
    const isOfOther = name === 'scope' && 'subject_id' in written;
    setWritten((last) => ({ ...last, [name]: value, ...(isOfOther && { subject_id: '' }) }));
    setFaults(({ [name]: _, ...others }) => others);
  };
  return { fields, written, faults, change, sendWritten };
}

function sendRow(type: ResourceType, row: RestAnswer<JsonObject> | undefined, body: JsonObject) {
  if (!row) return callRest<JsonObject>(type.path, { method: 'POST', body });
  const method = type.change_method ?? 'PATCH';
  return callRest<JsonObject>(`${type.path}/${row.body.id}`, { method, body, tag: row.tag });
}

/** Puts a fault of `agent_id` at the field `agent`, if the form has that one, and the reverse. */
function placeFaults(fields: readonly RowField[], faults: Readonly<Record<string, string>>) {
  const names = new Set(fields.map(({ name }) => name));
  return Object.fromEntries(
    Object.entries(faults).map(([name, fault]) => {
      const twin = name.endsWith('_id') ? name.slice(0, -3) : `${name}_id`;
      return [!names.has(name) && names.has(twin) ? twin : name, fault];
    }),
  );
}

function focusFirst(name: string | undefined): void {
  if (name === undefined) return;
  const field = document.querySelector<HTMLElement>(`[data-field="${CSS.escape(name)}"]`);
  const part = field?.closest('details');
  if (part) part.open = true;
  field?.focus();
}
