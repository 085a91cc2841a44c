import { Table, type TableTdProps } from '@mantine/core';

/**
 * Where a phone shows a cell. `name` and `side` are the first line of a row, `detail` cells the
 * lines below, and a `text` has the last line for itself.
 */
export type CellPlace = 'check' | 'name' | 'side' | 'detail' | 'text' | 'action' | 'hidden';

type ListCellProps = TableTdProps & {
  place?: CellPlace | undefined;
  /** The text before the value on a phone, which shows no heads of columns. */
  label?: string | undefined;
};

/**
 * A cell of a list. On a wide screen it is a cell of a table. On a phone the row has no columns, so
 * that nothing is left out: `lists.css` arranges its cells by their places.
 */
export function ListCell({ place = 'detail', label, ...props }: ListCellProps) {
  return <Table.Td data-place={place} data-label={label} {...props} />;
}
