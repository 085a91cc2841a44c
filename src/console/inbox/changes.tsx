import { Stack, Text, Title } from '@mantine/core';
import type { ChangedRow, ChangedTable, Preview } from '../../contracts/runs/preview.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { ValueView, valueText } from '../parts/value-view.tsx';
import { columnChanges } from './row-changes.ts';

const text = messages.inbox;

/** Shows the rows that a call would change: its trial was rolled back. */
export function Changes({ preview }: { preview: JsonObject }) {
  const {
    tables = [],
    altered = [],
    result,
    new_each_time: fresh = [],
  } = preview as Partial<Preview>;
  return (
    <Stack gap="sm">
      <Title order={3} size="h6">
        {text.changes}
      </Title>
      {tables.length + altered.length === 0 && <Text size="sm">{text.noChanges}</Text>}
      {tables.map((table) => (
        <Table key={table.table} table={table} />
      ))}
      {altered.length > 0 && (
        <Text size="sm" className="user-text">
          {text.altered}: {altered.join(', ')}
        </Text>
      )}
      {fresh.length > 0 && (
        <Text size="xs" c="dimmed" className="user-text">
          {text.newEachTime}: {fresh.join(', ')}
        </Text>
      )}
      {result !== undefined && result !== '' && (
        <div>
          <Text size="xs" c="dimmed" mb={2}>
            {text.trialResult}
          </Text>
          <ValueView value={result} label={text.trialResult} />
        </div>
      )}
    </Stack>
  );
}

function Table({ table }: { table: ChangedTable }) {
  return (
    <div>
      <Text size="sm" mb={4} className="user-text">
        <strong>{table.table}</strong>: {text.rows(table.inserted, table.updated, table.deleted)}
      </Text>
      <Stack gap="xs">
        {table.rows.map((row, index) => (
          <Row key={index} row={row} />
        ))}
      </Stack>
      {table.more_rows > 0 && <Text size="xs">{text.moreRows(table.more_rows)}</Text>}
      {table.left_out && <Text size="xs">{text.leftOut[table.left_out]}</Text>}
    </div>
  );
}

function Row({ row }: { row: ChangedRow }) {
  return (
    <div className="changes-frame">
      <table className="changes">
        <thead>
          <tr>
            <th scope="col">{text.column}</th>
            {row.before && <th scope="col">{text.before}</th>}
            {row.after && <th scope="col">{text.after}</th>}
          </tr>
        </thead>
        <tbody>
          {columnChanges(row).map(({ column, before, after, isSame }) => (
            <tr key={column} data-same={isSame || undefined}>
              <th scope="row">{column}</th>
              {row.before && <td className="before">{cellText(before, '−', isSame)}</td>}
              {row.after && <td className="after">{cellText(after, '+', isSame)}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A changed value has a sign besides its colour. */
function cellText(value: Json | undefined, sign: string, isSame: boolean): string {
  const shown = value === undefined ? '' : value === null ? 'null' : valueText(value);
  return isSame ? shown : `${sign} ${shown}`;
}
