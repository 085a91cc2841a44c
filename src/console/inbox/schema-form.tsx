import { Button, Group, Select, Stack, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { type FieldFault, readFields, type SchemaField, writeValue } from './schema-fields.ts';

const text = messages.inbox;

type SchemaFormProps = {
  fields: readonly SchemaField[];
  isBusy: boolean;
  submit(value: JsonObject): void;
  /** The word on its button. */
  label?: string;
};

/** A form made from a JSON Schema. The server checks the answer against the schema in any case. */
export function SchemaForm({ fields, isBusy, submit, label = text.submit }: SchemaFormProps) {
  const [written, setWritten] = useState<Record<string, string>>(() =>
    Object.fromEntries(fields.map(({ name, initial }) => [name, initial])),
  );
  const [faults, setFaults] = useState<Record<string, FieldFault>>({});
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    const read = readFields(fields, written);
    setFaults(read.faults);
    if (Object.keys(read.faults).length === 0) submit(read.value);
  };
  return (
    <Stack component="form" gap="sm" onSubmit={onSubmit} maw={480}>
      {fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          value={written[field.name] ?? ''}
          change={(value) => setWritten((last) => ({ ...last, [field.name]: value }))}
          fault={faults[field.name]}
        />
      ))}
      <Group>
        <Button type="submit" loading={isBusy}>
          {label}
        </Button>
      </Group>
    </Stack>
  );
}

type FieldProps = {
  field: SchemaField;
  value: string;
  change(value: string): void;
  fault: FieldFault | undefined;
};

function Field({ field, value, change, fault }: FieldProps) {
  const shared = {
    label: field.label,
    description: field.description,
    withAsterisk: field.isRequired,
    error: fault && text[fault],
    value,
  };
  if (field.kind === 'choice' || field.kind === 'boolean') {
    const data =
      field.kind === 'choice'
        ? [...new Set(field.choices.map(writeValue))]
        : [
            { value: 'true', label: text.yes },
            { value: 'false', label: text.no },
          ];
    return (
      <Select
        {...shared}
        value={value || null}
        data={data}
        placeholder={text.choose}
        onChange={(next) => change(next ?? '')}
        clearable={!field.isRequired}
      />
    );
  }
  if (field.kind === 'json') {
    return (
      <Textarea
        {...shared}
        autosize
        minRows={2}
        onChange={(one) => change(one.currentTarget.value)}
      />
    );
  }
  return (
    <TextInput
      {...shared}
      inputMode={field.kind === 'number' ? 'decimal' : 'text'}
      onChange={(one) => change(one.currentTarget.value)}
    />
  );
}
