import { Select, TagsInput } from '@mantine/core';
import { useState } from 'react';
import type { JsonObject } from '../../../json/json.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { useRest } from '../../server/rest.ts';
import type { ResourceType, RowField } from '../resource-types.ts';
import type { Written } from './form-values.ts';

/** Rows that a picker offers. Others are written by their name. */
const MAX_OFFERED = 200;

type PickerProps<Value> = {
  field: RowField;
  /** The rows to choose from. */
  type: ResourceType;
  value: Value;
  change(value: Written): void;
  label: string;
  description: string | undefined;
  error: string | undefined;
};

/** Reads the rows of a picker when it is first needed. */
function useChoices(type: ResourceType, field: RowField, isNeeded: boolean) {
  const { data } = useRest<{ data: JsonObject[] }>(
    isNeeded ? `${type.path}?limit=${MAX_OFFERED}` : undefined,
  );
  return data?.body.data.map((row) => ({
    value: String(row[field.references?.field ?? 'id']),
    label: String(row[type.name_field]),
  }));
}

/** A field that means one row of another kind. */
export function RowSelect({ field, type, value, change, ...shared }: PickerProps<string>) {
  const [isOpened, setOpened] = useState(false);
  const choices = useChoices(type, field, isOpened || value !== '') ?? [];
  const isKnown = value === '' || choices.some((one) => one.value === value);
  return (
    <Select
      {...shared}
      data={isKnown ? choices : [...choices, { value, label: value }]}
      value={value || null}
      placeholder={field.is_required ? rowTexts.choose : messagesNone(field)}
      searchable
      clearable={!field.is_required}
      onDropdownOpen={() => setOpened(true)}
      onChange={(next) => change(next ?? '')}
    />
  );
}

/** A field that means rows of another kind, in order. */
export function RowList({ field, type, value, change, ...shared }: PickerProps<string[]>) {
  const [isOpened, setOpened] = useState(false);
  const choices = useChoices(type, field, isOpened) ?? [];
  return (
    <TagsInput
      {...shared}
      data={[...new Set(choices.map((one) => one.value))]}
      value={value}
      onDropdownOpen={() => setOpened(true)}
      onChange={change}
    />
  );
}

const messagesNone = (field: RowField) => (field.is_nullable ? rowTexts.none : rowTexts.byDefault);
