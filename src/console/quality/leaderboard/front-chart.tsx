import { formatCost } from '../../messages/format.ts';
import { leaderboardTexts } from '../../messages/leaderboard-texts.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { type Extent, PlaneChart, placeOf, rangeOf } from '../plane-chart.tsx';
import { formatScore } from '../quality-rows.ts';
import type { Contender } from './contender.ts';

const text = leaderboardTexts;

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
    <PlaneChart
      title={text.chart}
      hint={text.chartHint}
      high={`${text.score} ${formatScore(scores.high)}`}
      low={`${text.score} ${formatScore(scores.low)}`}
      from={`${text.cost} ${formatCost(costs.low)}`}
      to={`${text.cost} ${formatCost(costs.high)}`}
      kind="numbered"
    >
      {points.map((point) => (
        <Dot key={point.row.evaluation_id} {...{ point, scores, costs }} />
      ))}
    </PlaneChart>
  );
}

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
