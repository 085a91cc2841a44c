import { Anchor, Badge, Paper, Table, Text } from '@mantine/core';
import { Link } from 'wouter';
import { formatCost, formatDuration } from '../../messages/format.ts';
import { leaderboardTexts } from '../../messages/leaderboard-texts.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { Cost } from '../../parts/cost.tsx';
import { FigureHeads, Verdict } from '../comparison/figures.tsx';
import { comparisonPage, evaluationPage, formatScore, formatShare } from '../quality-rows.ts';
import type { Contender, Measure } from './contender.ts';

const text = leaderboardTexts;

type TableProps = { rows: readonly Contender[]; measure: Measure };

/** The contenders, the best first. The keyboard scrolls the table on a narrow screen. */
export function LeaderboardTable({ rows, measure }: TableProps) {
  const figures = [text.score, text.cost, text.time, text.flaky, text.difference];
  return (
    <Paper withBorder radius="md" mb="lg" className="table-frame wide-table" tabIndex={0}>
      <Table className="leaderboard" verticalSpacing={6} aria-label={text.title}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th scope="col" ta="right">
              {text.rank}
            </Table.Th>
            <Table.Th scope="col">{text.contender}</Table.Th>
            <Table.Th scope="col">{text.passed}</Table.Th>
            <FigureHeads names={figures} />
            <Table.Th scope="col">{text.verdict}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {rows.map((row) => (
            <Row key={row.evaluation_id} row={row} best={rows[0]} measure={measure} />
          ))}
        </Table.Tbody>
      </Table>
    </Paper>
  );
}

type RowProps = { row: Contender; best: Contender | undefined; measure: Measure };

function Row({ row, best, measure }: RowProps) {
  const first = row === best ? undefined : best;
  return (
    <Table.Tr>
      <Table.Td className="figure">{row.rank}</Table.Td>
      <Table.Td>
        <Name row={row} />
      </Table.Td>
      <Table.Td>
        <PassRate row={row} />
      </Table.Td>
      <Table.Td className="figure">{formatScore(row.score)}</Table.Td>
      <Table.Td className="figure">{row.cost === null ? '–' : <Cost value={row.cost} />}</Table.Td>
      <Table.Td className="figure">{show(row.latency_ms, formatDuration)}</Table.Td>
      <Table.Td className="figure">{row.flakiness === null ? '–' : row.flaky_items}</Table.Td>
      <Table.Td className="figure">
        <Difference row={row} measure={measure} />
      </Table.Td>
      <Table.Td>
        {row.verdict !== null && (
          <Verdict verdict={row.verdict} isHigherBetter={measure === 'score'} />
        )}
        {first && (
          <Anchor
            component={Link}
            href={comparisonPage(first.evaluation_id, row.evaluation_id)}
            size="xs"
            display="block"
          >
            {text.compare}
          </Anchor>
        )}
      </Table.Td>
    </Table.Tr>
  );
}

/** The agent or workflow, with its version, its model and what else was overridden. */
function Name({ row }: { row: Contender }) {
  const name = row.name ?? qualityTexts.evaluations.deleted;
  const { model, ...overrides } = row.overrides ?? {};
  const settings = [
    ...(row.model === null ? [] : [row.model]),
    ...(Object.keys(overrides).length > 0 ? [JSON.stringify(overrides)] : []),
    ...(row.calibration_error === null
      ? []
      : [text.calibration(formatScore(row.calibration_error))]),
    ...(row.ungraded_items > 0 ? [text.ungraded(row.ungraded_items)] : []),
  ];
  return (
    <>
      <Anchor component={Link} href={evaluationPage(row.evaluation_id)} size="sm">
        {name}, {qualityTexts.evaluations.version(row.version, row.label)}
      </Anchor>
      {row.is_on_front && (
        <Badge size="xs" variant="outline" ml={6} title={text.frontHint}>
          {text.front}
        </Badge>
      )}
      <Text size="xs" c="dimmed" className="user-text">
        {settings.join(', ')}
      </Text>
    </>
  );
}

/** The pass rate, with its interval in words and as a bar. */
function PassRate({ row }: { row: Contender }) {
  const { pass_rate, pass_rate_low: low, pass_rate_high: high } = row;
  return (
    <div className="pass-rate">
      <Text size="sm" component="span">
        {formatShare(pass_rate)}
      </Text>
      {low !== null && high !== null && (
        <>
          <Text size="xs" c="dimmed" component="span">
            {formatShare(low)} … {formatShare(high)}
          </Text>
          <span className="pass-rate-interval" aria-hidden="true">
            <span style={{ marginLeft: `${low * 100}%`, width: `${(high - low) * 100}%` }} />
          </span>
        </>
      )}
    </div>
  );
}

const FORMATS: Readonly<Record<Measure, (value: number) => string>> = {
  score: formatScore,
  cost: formatCost,
  latency_ms: formatDuration,
  flakiness: formatScore,
  brier_score: formatScore,
};

/** The difference from the first contender, with its interval. */
function Difference({ row, measure }: { row: Contender; measure: Measure }) {
  const { difference, difference_low: low, difference_high: high } = row;
  const signed = (value: number) => {
    const size = FORMATS[measure](Math.abs(value));
    if (value === 0) return size;
    return `${value > 0 ? '+' : '−'}${size}`;
  };
  if (difference === null) return '–';
  return (
    <>
      {signed(difference)}
      {low !== null && high !== null && (
        <Text size="xs" c="dimmed">
          {signed(low)} … {signed(high)}
        </Text>
      )}
    </>
  );
}

const show = (value: number | null, format: (value: number) => string) =>
  value === null ? '–' : format(value);
