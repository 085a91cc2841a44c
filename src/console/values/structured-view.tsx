import { Table } from '@mantine/core';
import { hasMembers, isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { ValueView } from '../parts/value-view.tsx';

/** Fields up to which an object is shown as a list of names and values. */
const MAX_FIELDS = 12;
/** Objects up to which a list of them is shown as a table, and its columns. */
const MAX_ROWS = 50;
const MAX_COLUMNS = 6;
/** Characters of a value in a list or a table. */
const MAX_VALUE = 300;

/**
 * A JSON value as people read it: a flat object as names and values, a list of flat objects as a
 * table, and anything deeper as JSON. It is always text.
 */
export function StructuredView({ value, label }: { value: Json; label: string }) {
  if (isFlat(value)) return <Fields value={value} label={label} />;
  if (isFlatList(value)) return <Objects rows={value} label={label} />;
  return <ValueView value={value} label={label} />;
}

function Fields({ value, label }: { value: JsonObject; label: string }) {
  return (
    <dl className="value-fields" aria-label={label}>
      {Object.entries(value).map(([name, one]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd className="user-text">{String(one)}</dd>
        </div>
      ))}
    </dl>
  );
}

function Objects({ rows, label }: { rows: readonly JsonObject[]; label: string }) {
  const names = namesIn(rows);
  return (
    <div className="value-rows">
      <Table aria-label={label} verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            {names.map((name) => (
              <Table.Th key={name}>{name}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row, index) => (
            <Table.Tr key={index}>
              {names.map((name) => (
                <Table.Td key={name} className="user-text">
                  {row[name] == null ? '' : String(row[name])}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </div>
  );
}

const namesIn = (rows: readonly JsonObject[]) => [...new Set(rows.flatMap(Object.keys))];

function isFlat(value: Json): value is JsonObject {
  if (!isJsonObject(value) || Object.keys(value).length > MAX_FIELDS) return false;
  return Object.values(value).every(
    (one) => !hasMembers(one ?? null) && String(one).length <= MAX_VALUE,
  );
}

function isFlatList(value: Json): value is JsonObject[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MAX_ROWS) return false;
  return value.every(isFlat) && namesIn(value).length <= MAX_COLUMNS;
}
