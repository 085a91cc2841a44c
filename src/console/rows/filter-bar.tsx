import { Select } from '@mantine/core';
import { useState } from 'react';
import type { JsonObject } from '../../json/json.ts';
import { FilterFrame } from '../lists/filter-frame.tsx';
import { rowTexts } from '../messages/row-texts.ts';
import { TextFilter } from '../parts/text-filter.tsx';
import { useRest } from '../server/rest.ts';
import type { Filter } from './copy-rows.ts';
import { type FieldType, nameOf, type ResourceType } from './resource-types.ts';

type FilterBarProps = {
  type: ResourceType;
  types: readonly ResourceType[];
  filter: Filter;
  change(filter: Filter): void;
};

/** The conditions of a list, made from the parameters that it takes. */
export function FilterBar({ type, types, filter, change }: FilterBarProps) {
  const shown = type.filters.filter(({ name, schema, references }) => {
    const isId = schema.format === 'uuid' && !references;
    return !isId || name in filter; // nobody types an id, but a link may have it
  });
  if (shown.length === 0) return null;
  const set = (name: string, value: string | null) => {
    const { [name]: _, ...others } = filter;
    change(value ? { ...others, [name]: value } : others);
  };
  return (
    <FilterFrame count={Object.keys(filter).length}>
      {shown.map((field) => {
        const shared = {
          field,
          value: filter[field.name] ?? '',
          change: (value: string | null) => set(field.name, value),
        };
        const refersTo = types.find(({ name }) => name === field.references?.resource);
        if (refersTo && field.name.endsWith('_id')) {
          return <RowCondition key={field.name} {...shared} type={refersTo} />;
        }
        const words = wordsOf(field);
        if (words) return <Choice key={field.name} {...shared} data={words} />;
        return (
          <TextFilter
            key={field.name}
            {...shared}
            label={field.label}
            placeholder={`${field.label}: ${rowTexts.any}`}
            width={170}
          />
        );
      })}
    </FilterFrame>
  );
}

type ConditionProps = { field: FieldType; value: string; change(value: string | null): void };

/** Returns the words to choose from. A switch is sent as the text true or false. */
function wordsOf({ name, schema }: FieldType) {
  if (Array.isArray(schema.enum) && schema.enum.join() !== 'true,false') {
    return schema.enum.map(String);
  }
  if (Array.isArray(schema.enum) || schema.type === 'boolean' || name.startsWith('is_')) {
    return [
      { value: 'true', label: rowTexts.yes },
      { value: 'false', label: rowTexts.no },
    ];
  }
  return undefined;
}

type ChoiceProps = ConditionProps & { data: (string | { value: string; label: string })[] };

function Choice({
  field,
  value,
  change,
  data,
  ...more
}: ChoiceProps & { onDropdownOpen?(): void }) {
  return (
    <Select
      {...more}
      size="xs"
      w={170}
      aria-label={field.label}
      placeholder={`${field.label}: ${rowTexts.any}`}
      data={data}
      value={value || null}
      onChange={change}
      clearable
      searchable
    />
  );
}

function RowCondition({ type, ...shared }: ConditionProps & { type: ResourceType }) {
  const [isOpened, setOpened] = useState(false);
  const { data } = useRest<{ data: JsonObject[] }>(
    isOpened || shared.value ? `${type.path}?limit=200` : undefined,
  );
  const choices = (data?.body.data ?? []).map((row) => ({
    value: String(row.id),
    label: nameOf(type, row),
  }));
  return <Choice {...shared} data={choices} onDropdownOpen={() => setOpened(true)} />;
}
