import { Text } from '@mantine/core';
import { useMemo } from 'react';
import type { TextPiece } from '../../text/word-diff.ts';
import { messages } from '../messages/messages.ts';
import { type TextRow, textRows } from './text-rows.ts';

const text = messages.compare;

type TextDiffProps = { title: string; a: string | null; b: string | null };

/** Two texts side by side: the lines that differ, with their neighbours. All of it is text. */
export function TextDiff({ title, a, b }: TextDiffProps) {
  const rows = useMemo(() => textRows(a, b), [a, b]);
  return (
    <div className="text-diff">
      <Text size="xs" c="dimmed" ff="monospace" mb={4}>
        {title}
      </Text>
      <div className="changes-frame">
        <table className="text-lines" aria-label={title}>
          <thead>
            <tr>
              <th scope="col">{text.first}</th>
              <th scope="col">{text.second}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row, index) => (
              <Row key={index} row={row} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Row({ row }: { row: TextRow }) {
  if (row.isSame && row.a === undefined) {
    return (
      <tr>
        <td colSpan={2}>⋯</td>
      </tr>
    );
  }
  return (
    <tr>
      <Side side={row.isSame ? undefined : 'a'} pieces={row.a} />
      <Side side={row.isSame ? undefined : 'b'} pieces={row.b} />
    </tr>
  );
}

type SideProps = { side: 'a' | 'b' | undefined; pieces: readonly TextPiece[] | undefined };

function Side({ side, pieces }: SideProps) {
  return (
    <td data-side={pieces && side}>
      {pieces?.map((piece, index) =>
        piece.isChanged ? <mark key={index}>{piece.text}</mark> : piece.text,
      )}
    </td>
  );
}
