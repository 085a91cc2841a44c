import { Button, Group, Select, Stack, Textarea, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import type { JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { JsonForm } from './json-form.tsx';
import {
  beginFields,
  type FieldFault,
  readFields,
  type SchemaField,
  writeFields,
  writeValue,
} from './schema-fields.ts';

const text = messages.inbox;

type SchemaFormProps = {
  fields: readonly SchemaField[];
  isBusy: boolean;
  submit(value: JsonObject): void;
  /** The word on its button. */
  label?: string;
  /** True if the value may have other fields, which are written as JSON. */
  allowsMore?: boolean;
  /** Is told the value that is written, without what is faulty. */
  onChange?(value: JsonObject): void;
};

/** A form made from a JSON Schema. The server checks the answer against the schema in any case. */
export function SchemaForm(props: SchemaFormProps) {
  const { fields, label = text.submit, allowsMore = false, onChange, ...shared } = props;
  const [written, setWritten] = useState(() => beginFields(fields));
  const [json, setJson] = useState<string>();
  if (json !== undefined) {
    return (
      <JsonForm
        {...{ ...shared, label }}
        begun={json}
        onChange={(_, value) => value && onChange?.(value)}
        showFields={(value) => {
          const next = writeFields(fields, value);
          if (!next) return false;
          setWritten(next);
          setJson(undefined);
          return true;
        }}
      />
    );
  }
  return (
    <FieldsForm
      {...{ ...shared, label, fields, written }}
      change={(next) => {
        setWritten(next);
        onChange?.(readFields(fields, next).value);
      }}
      writeJson={allowsMore ? (value) => setJson(JSON.stringify(value, null, 2)) : undefined}
    />
  );
}

type FieldsFormProps = Pick<SchemaFormProps, 'fields' | 'isBusy' | 'submit'> & {
  label: string;
  written: Readonly<Record<string, string>>;
  change(written: Record<string, string>): void;
  /** Goes on in JSON. */
  writeJson: ((value: JsonObject) => void) | undefined;
};

function FieldsForm(props: FieldsFormProps) {
  const { fields, isBusy, submit, label, written, change, writeJson } = props;
  const [faults, setFaults] = useState<Record<string, FieldFault>>({});
  /** Uses the value, unless a fault would keep a part of it out. */
  const use = (take: (value: JsonObject) => void, mayLack: boolean) => {
    const read = readFields(fields, written);
    const found = Object.entries(read.faults).filter(
      ([, fault]) => !mayLack || fault !== 'required',
    );
    setFaults(Object.fromEntries(found));
    if (found.length === 0) take(read.value);
  };
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    use(submit, false);
  };
  return (
    <Stack component="form" gap="sm" onSubmit={onSubmit} maw={480}>
      {fields.map((field) => (
        <Field
          key={field.name}
          field={field}
          value={written[field.name] ?? ''}
          change={(value) => change({ ...written, [field.name]: value })}
          fault={faults[field.name]}
        />
      ))}
      <Group>
        <Button type="submit" loading={isBusy}>
          {label}
        </Button>
        {writeJson && (
          <Button variant="subtle" onClick={() => use(writeJson, true)}>
            {text.asJson}
          </Button>
        )}
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
  if (field.kind === 'json' || field.kind === 'text') {
    return (
      <Textarea
        {...shared}
        autosize
        minRows={field.kind === 'json' ? 2 : 1}
        maxRows={14}
        onChange={(one) => change(one.currentTarget.value)}
      />
    );
  }
  return (
    <TextInput
      {...shared}
      inputMode="decimal"
      onChange={(one) => change(one.currentTarget.value)}
    />
  );
}
