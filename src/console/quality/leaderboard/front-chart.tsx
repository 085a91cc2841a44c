import { Paper, Text, Title } from '@mantine/core';
import { formatCost } from '../../messages/format.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { formatScore } from '../quality-rows.ts';
import type { Contender } from './contender.ts';

const text = qualityTexts.leaderboard;

type Point = { row: Contender; place: number; score: number; cost: number };

/**
 * Scores against costs. Readers of a screen get each point as text. Without costs there is nothing
 * to weigh, and no chart.
 */
export function FrontChart({ rows }: { rows: readonly Contender[] }) {
  const points = rows.flatMap((row, index): Point[] => {
    const { score, cost } = row;
    return score === null || cost === null ? [] : [{ row, place: index + 1, score, cost }];
  });
  const scores = rangeOf(points.map(({ score }) => score));
  const costs = rangeOf(points.map(({ cost }) => cost));
  if (points.length < 2 || costs.low === costs.high) return null;
  return (
    <Paper component="figure" withBorder radius="md" p="md" className="front-chart">
      <Title order={2} size="h5">
        {text.chart}
      </Title>
      <Text size="xs" c="dimmed">
        {text.chartHint}
      </Text>
      <Range from={`${text.score} ${formatScore(scores.high)}`} />
      <div className="front-axes">
        <ol className="front-plane">
          {points.map((point) => (
            <Dot key={point.row.evaluation_id} {...{ point, scores, costs }} />
          ))}
        </ol>
      </div>
      <Range from={`${text.score} ${formatScore(scores.low)}`} />
      <Range
        from={`${text.cost} ${formatCost(costs.low)}`}
        to={`${text.cost} ${formatCost(costs.high)}`}
      />
    </Paper>
  );
}

type Extent = { low: number; high: number };

const rangeOf = (values: number[]): Extent => ({
  low: Math.min(...values),
  high: Math.max(...values),
});

/** Returns the place of a value in a range, in percent. */
const placeOf = (value: number, { low, high }: Extent) =>
  high === low ? 50 : ((value - low) / (high - low)) * 100;

type DotProps = { point: Point; scores: Extent; costs: Extent };

function Dot({ point: { row, place, score, cost }, scores, costs }: DotProps) {
  const name = row.name ?? qualityTexts.evaluations.deleted;
  const label = text.point(place, name, formatScore(score), formatCost(cost));
  return (
    <li
      title={label}
      data-front={row.is_on_front || undefined}
      style={{ left: `${placeOf(cost, costs)}%`, bottom: `${placeOf(score, scores)}%` }}
    >
      <span aria-hidden="true">{place}</span>
      <span className="visually-hidden">{label}</span>
    </li>
  );
}

/** The ends of an axis. */
function Range({ from, to }: { from: string; to?: string }) {
  return (
    <div className="front-range" aria-hidden="true">
      <span>{from}</span>
      {to !== undefined && <span>{to}</span>}
    </div>
  );
}
