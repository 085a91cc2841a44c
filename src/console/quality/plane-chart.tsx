import { Paper, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';

type PlaneChartProps = {
  title: ReactNode;
  hint: string;
  /** The ends of the vertical axis. */
  high: string;
  low: string;
  /** The ends of the horizontal axis. */
  from: string;
  to: string;
  /** How points look: `numbered` or `dated`. */
  kind: string;
  children: ReactNode;
};

/** Points in a plane, with the ends of both axes. Each point is an item of a list with a text. */
export function PlaneChart({ title, hint, high, low, from, to, kind, children }: PlaneChartProps) {
  return (
    <Paper component="figure" withBorder radius="md" p="md" className="plane-chart">
      <Title order={2} size="h5" className="user-text">
        {title}
      </Title>
      <Text size="xs" c="dimmed" className="user-text">
        {hint}
      </Text>
      <Range from={high} />
      <div className="plane-axes">
        <ol className="plane" data-kind={kind}>
          {children}
        </ol>
      </div>
      <Range from={low} />
      <Range from={from} to={to} />
    </Paper>
  );
}

/** A range of values on an axis. */
export type Extent = { low: number; high: number };

/** Returns the range of values. */
export const rangeOf = (values: number[]): Extent => ({
  low: Math.min(...values),
  high: Math.max(...values),
});

/** Returns the place of a value in a range, in percent. */
export const placeOf = (value: number, { low, high }: Extent) =>
  high === low ? 50 : ((value - low) / (high - low)) * 100;

/** The ends of an axis. */
function Range({ from, to }: { from: string; to?: string }) {
  return (
    <div className="plane-range" aria-hidden="true">
      <span>{from}</span>
      {to !== undefined && <span>{to}</span>}
    </div>
  );
}
