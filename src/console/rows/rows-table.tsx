import { Table } from '@mantine/core';
import { Pin } from 'lucide-react';
import { Link } from 'wouter';
import type { Json, JsonObject } from '../../json/json.ts';
import { ListCell } from '../lists/list-cell.tsx';
import { rowTexts } from '../messages/row-texts.ts';
import { isEmptyValue } from '../parts/value-view.tsx';
import { Cell } from './cell.tsx';
import { type Column, columnsOf } from './list/columns.ts';
import { ListTable } from './list/list-table.tsx';
import { isId as isIdText, rowPath } from './paths.ts';
import { referenceOf } from './references/reference-of.ts';
import { type Reference, type RowNames, useRowNames } from './references/use-row-names.ts';
import { nameOf, type ResourceType, titleOf } from './resource-types.ts';

type RowsTableProps = {
  type: ResourceType;
  types: readonly ResourceType[];
  rows: readonly JsonObject[];
};

/** The rows of a list. J and K move between them, Enter opens one. */
export function RowsTable({ type, types, rows }: RowsTableProps) {
  const { title, columns: all } = columnsOf(type);
  // what no row of the page has would take the room of the others
  const columns = all.filter(({ name }) => rows.some((row) => !isEmptyValue(row[name])));
  const references = rows.flatMap((row) =>
    columns.flatMap((column) => referenceIn(type, column, row) ?? []),
  );
  const names = useRowNames(types, references);
  return (
    <ListTable
      label={titleOf(type)}
      className="row-list"
      head={
        <>
          <Table.Th className="title-column">{title}</Table.Th>
          {columns.map(({ name, label, width, isFigure }) => (
            <Table.Th key={name} w={width} ta={isFigure ? 'right' : undefined}>
              {label}
            </Table.Th>
          ))}
        </>
      }
    >
      {rows.map((row) => (
        <Row key={String(row.id)} {...{ type, row, columns, names }} />
      ))}
    </ListTable>
  );
}

/** Returns the row that a value means by its id, if it has another name. */
function referenceIn(
  type: ResourceType,
  { name, field }: Column,
  row: JsonObject,
): Reference | undefined {
  const value = row[name];
  const refersTo = field && referenceOf(type, field, row);
  if (typeof value !== 'string' || refersTo?.field !== 'id') return undefined;
  return { resource: refersTo.resource, id: value };
}

/**
 * Returns whether a phone leaves a value out because it is expected: most rows are active, and
 * everything else is mostly not the case.
 */
const isUsual = ({ name }: Column, value: Json | undefined) => value === (name === 'is_active');

const isId = (value: Json | undefined): value is string =>
  typeof value === 'string' && isIdText(value);

/** Returns the end of an id, which tells ids of one time apart. */
const shortId = (id: string) => `…${id.slice(-12)}`;

type RowProps = {
  type: ResourceType;
  row: JsonObject;
  columns: readonly Column[];
  names: RowNames;
};

function Row({ type, row, columns, names }: RowProps) {
  return (
    <Table.Tr data-inactive={row.is_active === false || undefined}>
      <ListCell place="name">
        <Link href={rowPath(type, String(row.id))} className="row-link">
          {nameOf(type, row)}
        </Link>
        {row.is_pinned === true && (
          <Pin size={13} className="pin" role="img" aria-label={rowTexts.memories.pinned} />
        )}
      </ListCell>
      {columns.map((column) => {
        const { name, field, label, isFigure } = column;
        const place = isUsual(column, row[name]) ? 'hidden' : column.place;
        const reference = referenceIn(type, column, row);
        return (
          <ListCell
            key={name}
            place={place}
            label={place === 'detail' ? label : undefined}
            className={isFigure ? 'figure' : undefined}
          >
            {reference && (names(reference) ?? shortId(reference.id))}
            {!reference && isId(row[name]) && shortId(row[name])}
            {!reference && !isId(row[name]) && <Cell field={field} value={row[name]} />}
          </ListCell>
        );
      })}
    </Table.Tr>
  );
}
