import { Group, Paper, Select, Text } from '@mantine/core';
import { useState } from 'react';
import type { JsonObject } from '../../../json/json.ts';
import { formatCompact, formatCost } from '../../messages/format.ts';
import { systemTexts } from '../../messages/system-texts.ts';
import { type ChartPoints, chartPoints, MAX_POINTS, numberColumns } from './chart-points.ts';

const text = systemTexts.sql;
type Kind = 'bars' | 'line';

/** A column of numbers as bars or a line. Readers of a screen get each point as text. */
export function ResultChart({ rows, kind }: { rows: readonly JsonObject[]; kind: Kind }) {
  const columns = numberColumns(rows);
  const [chosen, choose] = useState<string | null>(null);
  const value = chosen !== null && columns.includes(chosen) ? chosen : columns.at(-1);
  if (value === undefined) return <Text size="sm">{text.noChart}</Text>;
  const chart = chartPoints(rows, value);
  return (
    <Paper withBorder radius="md" p="md">
      <Group justify="space-between" mb="xs">
        <Text size="sm">{text.chartOf(value, chart.label ?? text.rowNumber)}</Text>
        {columns.length > 1 && (
          <Select
            size="xs"
            w={170}
            aria-label={text.value}
            data={columns}
            value={value}
            onChange={choose}
            allowDeselect={false}
          />
        )}
      </Group>
      {rows.length > MAX_POINTS && (
        <Text size="xs" c="dimmed">
          {text.chartCut(MAX_POINTS)}
        </Text>
      )}
      {kind === 'bars' ? <Bars chart={chart} /> : <Line chart={chart} />}
    </Paper>
  );
}

type Extent = { low: number; high: number };

/** Returns the range of the values. It includes zero, so that lengths can be compared. */
function extentOf({ points }: ChartPoints): Extent {
  const values = points.map(({ value }) => value);
  return { low: Math.min(0, ...values), high: Math.max(0, ...values) };
}

const shareOf = (value: number, { low, high }: Extent) =>
  high === low ? 0 : (value - low) / (high - low);

function numberText(value: number): string {
  return Math.abs(value) < 10_000 && !Number.isInteger(value)
    ? formatCost(value)
    : formatCompact(value);
}

/** Bars with their names on the left, so that long names have room. */
function Bars({ chart }: { chart: ChartPoints }) {
  const extent = extentOf(chart);
  return (
    <ol className="bar-list">
      {chart.points.map(({ name, value }, index) => {
        const [from, to] = [
          shareOf(Math.min(0, value), extent),
          shareOf(Math.max(0, value), extent),
        ];
        return (
          <li key={index}>
            <span className="bar-name user-text" title={name}>
              {name}
            </span>
            <span className="bar-space" aria-hidden="true">
              <span
                className="chart-bar"
                style={{ marginLeft: `${from * 100}%`, width: `${(to - from) * 100}%` }}
              />
            </span>
            <span className="figure">{numberText(value)}</span>
          </li>
        );
      })}
    </ol>
  );
}

const [WIDTH, HEIGHT] = [600, 160];

function Line({ chart }: { chart: ChartPoints }) {
  const { points } = chart;
  const extent = extentOf(chart);
  const at = (value: number, index: number) => {
    const x = points.length > 1 ? (index / (points.length - 1)) * WIDTH : WIDTH / 2;
    return `${x.toFixed(1)},${(HEIGHT - shareOf(value, extent) * HEIGHT).toFixed(1)}`;
  };
  return (
    <figure className="line-chart">
      <Text size="xs" c="dimmed" aria-hidden="true">
        {numberText(extent.high)}
      </Text>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <polyline points={points.map(({ value }, index) => at(value, index)).join(' ')} />
      </svg>
      <ol className="visually-hidden">
        {points.map(({ name, value }, index) => (
          <li key={index}>{`${name}: ${numberText(value)}`}</li>
        ))}
      </ol>
      <figcaption>
        <span className="user-text">{points[0]?.name}</span>
        <span>{numberText(extent.low)}</span>
        <span className="user-text">{points.at(-1)?.name}</span>
      </figcaption>
    </figure>
  );
}
