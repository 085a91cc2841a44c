import { Paper, Table } from '@mantine/core';
import type { ReactNode } from 'react';

export type Column<Row> = {
  name: string;
  show(row: Row): ReactNode;
  /** True for a column of numbers, which stand below each other. */
  isFigure?: boolean;
  /** True if a phone leaves the column out. */
  isWide?: boolean;
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
      <Table verticalSpacing={6} className="versions plain-table" aria-label={label}>
        <Table.Thead>
          <Table.Tr>
            {columns.map(({ name, isFigure, isWide }) => (
              <Table.Th
                key={name}
                ta={isFigure ? 'right' : undefined}
                visibleFrom={isWide ? 'sm' : undefined}
              >
                {name}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Table.Tr key={keyOf(row)}>
              {columns.map(({ name, show, isFigure, isWide }) => (
                <Table.Td
                  key={name}
                  className={isFigure ? 'figure' : 'user-text'}
                  visibleFrom={isWide ? 'sm' : undefined}
                >
                  {show(row)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}
