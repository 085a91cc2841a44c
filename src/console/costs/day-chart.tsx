import { Text } from '@mantine/core';
import { costTexts } from '../messages/cost-texts.ts';
import { formatCost } from '../messages/format.ts';
import type { DayCost } from './days.ts';

/**
 * The cost of each day as bars. Readers of a screen get the sentence of each bar; the same figures
 * are in the table by day.
 */
export function DayChart({ days }: { days: readonly DayCost[] }) {
  const most = Math.max(...days.map(({ cost }) => cost), 0);
  if (most === 0) return <Text size="sm">{costTexts.empty}</Text>;
  return (
    <figure className="day-chart">
      <Text size="xs" c="dimmed" aria-hidden="true">
        {formatCost(most)}
      </Text>
      <ol>
        {days.map(({ day, cost }) => (
          <li key={day} title={costTexts.dayOf(day, formatCost(cost))}>
            <span className="visually-hidden">{costTexts.dayOf(day, formatCost(cost))}</span>
            <span
              className="day-bar"
              style={{ height: `${(cost / most) * 100}%` }}
              data-empty={cost === 0 || undefined}
              aria-hidden="true"
            />
          </li>
        ))}
      </ol>
      <figcaption>
        <span>{days[0]?.day}</span>
        <span>{days.at(-1)?.day}</span>
      </figcaption>
    </figure>
  );
}
