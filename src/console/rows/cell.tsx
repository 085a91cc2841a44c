import { Anchor, Text } from '@mantine/core';
import { Link } from 'wouter';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { Cost } from '../parts/cost.tsx';
import { Moment } from '../parts/moment.tsx';
import { isEmptyValue } from '../parts/value-view.tsx';
import { useRest } from '../server/rest.ts';
import { formatNumber } from './list/units.ts';
import { referencePath } from './paths.ts';
import { nameOf, type RowField } from './resource-types.ts';
import { useResourceTypes } from './use-resource-types.ts';

/** Characters of a value that a list shows. */
const MAX_SHOWN = 160;

/** A value in a list, always as text. */
export function Cell({ field, value }: { field: RowField | undefined; value: Json | undefined }) {
  if (value === undefined || isEmptyValue(value)) return null;
  if (field?.schema.format === 'date-time') return <Moment at={String(value)} />;
  if (field && /(^|_)cost$/.test(field.name)) return <Cost value={String(value)} />;
  if (field && typeof value === 'number') return formatNumber(field, value);
  return (
    <Text size="sm" component="span" inherit title={isLong(value) ? textOf(value) : undefined}>
      {textOf(value).slice(0, MAX_SHOWN)}
    </Text>
  );
}

/** A value on the page of its row. What refers to another row leads there. */
export function Value({ field, value }: { field: RowField; value: Json | undefined }) {
  if (isEmptyValue(value)) return messages.common.none;
  if (/(^|_)execution_id$/.test(field.name)) return <RunLink id={String(value)} />;
  const refersTo = field.references;
  if (refersTo && value !== undefined) {
    const names = Array.isArray(value) ? value : [value];
    return names.map((name, index) => (
      <span key={String(name)}>
        {index > 0 && ', '}
        <Anchor component={Link} href={referencePath(refersTo, String(name))} size="sm">
          {refersTo.field === 'id' ? <RowName {...refersTo} id={String(name)} /> : String(name)}
        </Anchor>
      </span>
    ));
  }
  return <Cell field={field} value={value} />;
}

function RunLink({ id }: { id: string }) {
  return (
    <Anchor component={Link} href={`/runs/${id}`} size="sm" ff="monospace">
      …{id.slice(-12)}
    </Anchor>
  );
}

/** The name of a row, which a field has by its id. The id itself if there is no name to be read. */
function RowName({ resource, id }: { resource: string; id: string }) {
  const { types } = useResourceTypes();
  const type = types?.find(({ name }) => name === resource);
  const row = useRest<JsonObject>(type && `${type.path}/${id}`);
  if (!types || row.isLoading) return messages.common.loading;
  return type && row.data ? nameOf(type, row.data.body) : id;
}

/** Writes a value in one line. */
export function textOf(value: Json): string {
  if (typeof value === 'boolean') return value ? rowTexts.yes : rowTexts.no;
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return isJsonObject(value) ? JSON.stringify(value) : String(value ?? '');
}

const isLong = (value: Json) => textOf(value).length > 24;
