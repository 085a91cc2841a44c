import { Table } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { Pin } from 'lucide-react';
import { useRef } from 'react';
import { Link } from 'wouter';
import type { JsonObject } from '../../json/json.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { Cell, textOf } from './cell.tsx';
import { rowPath } from './paths.ts';
import { fieldOf, type ResourceType, titleFieldOf } from './resource-types.ts';

/** Characters of a text that stands in place of a name. */
const MAX_TITLE = 120;
/**
 * Columns that a phone shows: the name and one more. An id says little, so two more stand there.
 */
const onPhone = (type: ResourceType) => (titleFieldOf(type) === 'id' ? 3 : 2);

/** The rows of a list. J and K move between them, Enter opens one. */
export function RowsTable({ type, rows }: { type: ResourceType; rows: readonly JsonObject[] }) {
  const table = useRef<HTMLTableElement>(null);
  const move = (step: number) => {
    const links = [...(table.current?.querySelectorAll<HTMLElement>('.row-link') ?? [])];
    const at = links.indexOf(document.activeElement as HTMLElement);
    links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
  };
  useHotkeys([
    ['J', () => move(1)],
    ['K', () => move(-1)],
  ]);
  const columns = columnsOf(type);
  return (
    <Table
      ref={table}
      highlightOnHover
      className="rows row-list"
      data-untitled={titleFieldOf(type) === 'id' || undefined}
      verticalSpacing={6}
    >
      <Table.Thead>
        <Table.Tr>
          {columns.map((name, index) => (
            <Table.Th key={name} visibleFrom={index < onPhone(type) ? undefined : 'sm'}>
              {fieldOf(type, name)?.label}
            </Table.Th>
          ))}
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {rows.map((row) => (
          <Row key={String(row.id)} {...{ type, row, columns }} />
        ))}
      </Table.Tbody>
    </Table>
  );
}

/** Returns the columns, the name first. The id is shown where rows have no name. */
function columnsOf(type: ResourceType): string[] {
  const first = titleFieldOf(type);
  return [first, ...type.list.filter((name) => name !== 'id' && name !== first)];
}

type RowProps = { type: ResourceType; row: JsonObject; columns: readonly string[] };

function Row({ type, row, columns: [first = 'id', ...others] }: RowProps) {
  const name = textOf(row[first] ?? row.id ?? '');
  return (
    <Table.Tr>
      <Table.Td>
        <Link href={rowPath(type, String(row.id))} className="row-link">
          {first === 'id' ? `…${name.slice(-12)}` : name.slice(0, MAX_TITLE)}
        </Link>
        {row.is_pinned === true && (
          <Pin size={13} className="pin" role="img" aria-label={rowTexts.memories.pinned} />
        )}
      </Table.Td>
      {others.map((column, index) => (
        <Table.Td key={column} visibleFrom={index + 1 < onPhone(type) ? undefined : 'sm'}>
          <Cell field={fieldOf(type, column)} value={row[column]} />
        </Table.Td>
      ))}
    </Table.Tr>
  );
}
