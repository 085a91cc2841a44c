import { Paper, Table, Text, Title } from '@mantine/core';
import { useEffect, useEffectEvent } from 'react';
import type { Json } from '../../json/json.ts';
import { qualityTexts } from '../messages/quality-texts.ts';
import { useRest } from '../server/rest.ts';
import { FigureHeads } from './comparison/figures.tsx';
import { formatScore, shownText } from './quality-rows.ts';

const text = qualityTexts.flakyItems;
const MAX_ITEMS = 20;
const MAX_CHARACTERS = 200;

/** A row of `GET /api/evaluations/{id}/items`. */
type ItemFigures = {
  item_id: string;
  input: string;
  input_data: Json;
  graded: number;
  passed: number;
  flakiness: number | null;
  score: number | null;
  score_deviation: number | null;
};

type FlakyItemsProps = {
  id: string;
  /** The state of the evaluation: the items are read again when it changes. */
  seen: string | undefined;
};

/** The items whose repeats differ, the flakiest first. Nothing if there are none. */
export function FlakyItems({ id, seen }: FlakyItemsProps) {
  const { data, reload } = useRest<{ data: ItemFigures[] }>(
    `/api/evaluations/${id}/items?limit=${MAX_ITEMS}`,
  );
  const readAgain = useEffectEvent(reload);
  useEffect(() => {
    if (seen !== undefined) readAgain();
  }, [seen]);
  const rows = data?.body.data.filter(({ flakiness }) => (flakiness ?? 0) > 0) ?? [];
  if (rows.length === 0) return null;
  return (
    <section aria-label={text.title}>
      <Title order={2} size="h5" mb={4}>
        {text.title}
      </Title>
      <Text size="xs" c="dimmed" mb="xs">
        {text.hint} <span className="table-name">howdah.evaluation_items</span>
      </Text>
      <Paper withBorder radius="md" mb="lg" className="table-frame wide-table" tabIndex={0}>
        <Table verticalSpacing={6} aria-label={text.title}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{text.item}</Table.Th>
              <FigureHeads names={[text.passed, text.flakiness, text.score]} />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Table.Tr key={row.item_id}>
                <Table.Td className="user-text">
                  {shownText(row.input, row.input_data).slice(0, MAX_CHARACTERS)}
                </Table.Td>
                <Table.Td className="figure">{text.passedOf(row.passed, row.graded)}</Table.Td>
                <Table.Td className="figure">{formatScore(row.flakiness)}</Table.Td>
                <Table.Td className="figure">
                  {text.scoreOf(formatScore(row.score), formatScore(row.score_deviation))}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Paper>
    </section>
  );
}
