import { Select, TagsInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useState } from 'react';
import type { JsonObject } from '../../../json/json.ts';
import { messages } from '../../messages/messages.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { useRest } from '../../server/rest.ts';
import { nameOf, type ResourceType, type RowField } from '../resource-types.ts';
import type { Written } from './form-values.ts';

/** Rows that a picker offers. Others are written by their name. */
const MAX_OFFERED = 200;
/** The pause in the typing after which a name is looked up. */
const SEARCH_MS = 250;

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

type Choice = { value: string; label: string };

/** Reads the rows of a picker when it is first needed, and finds others by a written name. */
function useChoices(type: ResourceType, field: RowField, isNeeded: boolean, written = '') {
  const [name] = useDebouncedValue(written.trim(), SEARCH_MS);
  const first = useRest<Page>(isNeeded ? `${type.path}?limit=${MAX_OFFERED}` : undefined);
  const canFind = type.filters.some((one) => one.name === type.name_field);
  const isSearched = first.data?.body.next && canFind && name !== '';
  const query = new URLSearchParams({ [type.name_field]: name });
  const found = useRest<Page>(isSearched ? `${type.path}?${query}` : undefined);
  const rows = [...(first.data?.body.data ?? []), ...(found.data?.body.data ?? [])];
  const choices = rows.map((row) => choiceOf(type, field, row));
  return [...new Map(choices.map((one) => [one.value, one])).values()];
}
type Page = { data: JsonObject[]; next: string | null };

function choiceOf(type: ResourceType, field: RowField, row: JsonObject): Choice {
  const value = String(row[field.references?.field ?? 'id']);
  return { value, label: nameOf(type, row) };
}

/** Returns the row that is chosen, with its name; undefined while that is read. */
function useChosen(type: ResourceType, field: RowField, value: string): Choice | undefined {
  const isById = field.references?.field === 'id';
  const row = useRest<JsonObject>(isById && value !== '' ? `${type.path}/${value}` : undefined);
  if (value === '') return undefined;
  if (!isById) return { value, label: value };
  if (row.failure) return { value, label: value }; // hidden from the person, or deleted
  return row.data && choiceOf(type, field, row.data.body);
}

/** A field that means one row of another kind. People see its name, and programs get its id. */
export function RowSelect({ field, type, value, change, ...shared }: PickerProps<string>) {
  const [isOpened, setOpened] = useState(false);
  const [written, setWritten] = useState('');
  const offered = useChoices(type, field, isOpened, written);
  const chosen = useChosen(type, field, value);
  const isOffered = !chosen || offered.some((one) => one.value === chosen.value);
  const isRead = value === '' || chosen !== undefined;
  return (
    <Select
      {...shared}
      data={isOffered ? offered : [...offered, chosen]}
      value={value || null}
      placeholder={isRead ? emptyText(field) : messages.common.loading}
      nothingFoundMessage={rowTexts.noRows}
      searchable
      clearable={!field.is_required}
      onSearchChange={setWritten}
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

function emptyText(field: RowField): string {
  if (field.is_required) return rowTexts.choose;
  return field.is_nullable ? rowTexts.none : rowTexts.byDefault;
}
