import type { CommandResource } from '../../resources/resource.ts';
import { type PrintedRows, shortenRow } from '../print/rows.ts';
import type { Row } from './backend.ts';
import { withDates } from './with-dates.ts';

/** Returns the rows of a resource as commands print them, the same for a database and a server. */
export function listing({ command }: CommandResource, items: readonly Row[]): PrintedRows {
  const dated = items.map(withDates);
  return {
    items: dated,
    rows: dated.map((row) => shortenRow(row, command.list)),
    empty: command.empty,
  };
}
