import { Paper, Table } from '@mantine/core';
import type { ReactNode } from 'react';
import { type CellPlace, ListCell } from '../lists/list-cell.tsx';

export type Column<Row> = {
  name: string;
  show(row: Row): ReactNode;
  /** True for a column of numbers, which stand below each other. */
  isFigure?: boolean;
  /** Where a phone shows it. The first column is the name of the row by default. */
  place?: CellPlace;
  /** True if the value says what it is, so a phone shows it without the name of the column. */
  isPlain?: boolean;
};

type PlainTableProps<Row> = {
  label: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf(row: Row): string;
};

/** A table of rows that have no page of their own. */
export function PlainTable<Row>({ label, columns, rows, keyOf }: PlainTableProps<Row>) {
  return (
    <Paper withBorder radius="md" className="table-frame wide-table">
      <Table verticalSpacing={6} className="versions plain-table stacked" aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ name, isFigure }) => (
              <Table.Th key={name} ta={isFigure ? 'right' : undefined}>
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={keyOf(row)}>
              {columns.map((column, index) => (
                <PlainCell key={column.name} {...{ column, row }} isFirst={index === 0} />
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}

type PlainCellProps<Row> = { column: Column<Row>; row: Row; isFirst: boolean };

function PlainCell<Row>({ column, row, isFirst }: PlainCellProps<Row>) {
  const place = column.place ?? (isFirst ? 'name' : 'detail');
  return (
    <ListCell
      place={place}
      label={place === 'name' || column.isPlain ? undefined : column.name}
      className={column.isFigure ? 'figure' : 'user-text'}
    >
      {column.show(row)}
    </ListCell>
  );
}
