import { Paper, Table } from '@mantine/core';
import type { ReactNode } from 'react';
import { useRowKeys } from './use-row-keys.ts';

type ListTableProps = { label: string; className: string; head: ReactNode; children: ReactNode };

/** Table of a list, with the cells of its head. Its rows have `ListCell`. J and K move between
 * them, Enter opens one. */
export function ListTable({ label, className, head, children }: ListTableProps) {
  const table = useRowKeys<HTMLTableElement>();
  return (
    <Paper withBorder radius="md" className="table-frame">
      <Table
        ref={table}
        highlightOnHover
        className={`rows stacked ${className}`}
        verticalSpacing={6}
        aria-label={label}
      >
        <Table.Thead>
          <Table.Tr>{head}</Table.Tr>
        </Table.Thead>
        <Table.Tbody>{children}</Table.Tbody>
      </Table>
    </Paper>
  );
}
