import { Paper, Table, Text, Title } from '@mantine/core';
import { agreementTexts } from '../messages/agreement-texts.ts';
import { formatCount } from '../messages/format.ts';
import { useRest } from '../server/rest.ts';
import { FigureHeads } from './comparison/figures.tsx';
import { formatScore, formatShare } from './quality-rows.ts';

const text = agreementTexts;

/** A row of `GET /api/evaluations/{id}/agreement`. */
type Agreement = {
  grader: string | null;
  results: number;
  agreement: number;
  kappa: number | null;
  kappa_low: number | null;
  kappa_high: number | null;
  mean_difference: number;
  low: number | null;
  high: number | null;
  verdict: string | null;
  length_bias: number | null;
  length_low: number | null;
  length_high: number | null;
  length_verdict: string | null;
  position_bias: number | null;
  position_low: number | null;
  position_high: number | null;
  position_verdict: string | null;
};

/**
 * How far the graders of an evaluation agree with people, with the bias of judges. Nothing until
 * people have graded.
 */
export function AgreementTable({ id }: { id: string }) {
  const { data } = useRest<{ data: Agreement[] }>(`/api/evaluations/${id}/agreement`);
  const rows = data?.body.data ?? [];
  if (rows.length === 0) return null;
  return (
    <section aria-label={text.title}>
      <Title order={2} size="h5" mb={4}>
        {text.title}
      </Title>
      <Text size="xs" c="dimmed" mb="xs">
        {text.hint}
      </Text>
      <Paper withBorder radius="md" mb="lg" className="table-frame wide-table" tabIndex={0}>
        <Table verticalSpacing={6} aria-label={text.title}>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{text.grader}</Table.Th>
              <FigureHeads names={[text.results, text.agreement, text.kappa, text.difference]} />
              <FigureHeads names={[text.lengthBias, text.positionBias]} />
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows.map((row) => (
              <Row key={row.grader ?? ''} row={row} />
            ))}
          </Table.Tbody>
        </Table>
      </Paper>
    </section>
  );
}

function Row({ row }: { row: Agreement }) {
  return (
    <Table.Tr>
      <Table.Td>{row.grader ?? text.whole}</Table.Td>
      <Table.Td className="figure">{formatCount(row.results)}</Table.Td>
      <Table.Td className="figure">{formatShare(row.agreement)}</Table.Td>
      <Figure value={row.kappa} low={row.kappa_low} high={row.kappa_high} />
      <Figure value={row.mean_difference} low={row.low} high={row.high} verdict={row.verdict} />
      <Figure
        value={row.length_bias}
        low={row.length_low}
        high={row.length_high}
        verdict={row.length_verdict}
      />
      <Figure
        value={row.position_bias}
        low={row.position_low}
        high={row.position_high}
        verdict={row.position_verdict}
      />
    </Table.Tr>
  );
}

type FigureProps = {
  value: number | null;
  low: number | null;
  high: number | null;
  verdict?: string | null;
};

/** A figure with its interval, and whether it is inside the noise. */
function Figure({ value, low, high, verdict = null }: FigureProps) {
  return (
    <Table.Td className="figure">
      {formatScore(value)}
      {low !== null && high !== null && (
        <Text size="xs" c="dimmed">
          {formatScore(low)} … {formatScore(high)}
        </Text>
      )}
      {value !== null && verdict === 'inside the noise' && (
        <Text size="xs" c="dimmed">
          {text.noise}
        </Text>
      )}
    </Table.Td>
  );
}
