import { formatCost, formatCount, sum } from '../../messages/format.ts';
import { overTimeTexts as text } from '../../messages/over-time-texts.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { type Extent, PlaneChart, placeOf } from '../plane-chart.tsx';
import { formatScore, formatShare } from '../quality-rows.ts';
import { type Measure, nameOf, type QualityOfDay, type Series } from './series.ts';

type Range = { since: string; until: string };
type ChartProps = { series: Series; measure: Measure; extent: Extent; range: Range };

/** The days of one version: a point for each, with the interval of a pass rate. */
export function VersionChart({ series: { days }, measure, extent, range }: ChartProps) {
  const [first] = days;
  const name = `${nameOf(first)}, ${qualityTexts.evaluations.version(first.version, null)}`;
  const write = (value: number) => `${text.measures[measure]} ${FORMATS[measure](value)}`;
  const points = days.flatMap((day) => {
    const value = day[measure];
    return value === null ? [] : [{ day, left: leftOf(day, range), value }];
  });
  const results = sum(days.map((day) => day.results));
  return (
    <PlaneChart
      title={name}
      hint={`${sourceOf(first)}. ${text.results(results, formatCount(results))}`}
      high={write(extent.high)}
      low={write(extent.low)}
      from={range.since}
      to={range.until}
      kind="dated"
    >
      {points.map((point) => (
        <Day key={point.day.day} {...point} extent={extent} hasInterval={measure === 'pass_rate'} />
      ))}
    </PlaneChart>
  );
}

const FORMATS = { pass_rate: formatShare, score: formatScore, cost_per_pass: formatCost };

const sourceOf = ({ source, dataset, split }: QualityOfDay) =>
  source === 'runs' ? text.runsOf(dataset) : text.itemsOf(dataset, split);

const leftOf = ({ day }: QualityOfDay, { since, until }: Range) =>
  placeOf(Date.parse(day), { low: Date.parse(since), high: Date.parse(until) });

type DayProps = {
  day: QualityOfDay;
  left: number;
  value: number;
  extent: Extent;
  hasInterval: boolean;
};

function Day({ day, left, value, extent, hasInterval }: DayProps) {
  const { pass_rate_low: low, pass_rate_high: high } = day;
  const words = [
    text.point(
      day.day,
      text.results(day.results, formatCount(day.results)),
      formatShare(day.pass_rate),
      formatScore(day.score),
      formatCost(day.cost),
    ),
    ...(low === null || high === null ? [] : [text.interval(formatShare(low), formatShare(high))]),
  ].join(', ');
  return (
    <li title={words} style={{ left: `${left}%` }}>
      {hasInterval && low !== null && high !== null && (
        <span
          className="plane-interval"
          style={{ bottom: `${low * 100}%`, height: `${(high - low) * 100}%` }}
          aria-hidden="true"
        />
      )}
      <span
        className="plane-point"
        style={{ bottom: `${placeOf(value, extent)}%` }}
        aria-hidden="true"
      />
      <span className="visually-hidden">{words}</span>
    </li>
  );
}
