import { Button, Group, Paper, Text } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import { matchingRuns } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import {
  type Condition,
  conditionsOf,
  type KnownNames,
  type RunFilter,
  readFilter,
  toQueryFilter,
  without,
} from './run-filter.ts';

const text = messages.runs;
const NO_FILTER = readFilter(new URLSearchParams());

type EmptyListProps = { filter: RunFilter; names: KnownNames; show(filter: RunFilter): void };

/** The place of a list without rows: the conditions, and which of them empties the list. */
export function EmptyList({ filter, names, show }: EmptyListProps) {
  const conditions = conditionsOf(filter);
  const written = conditions.map((name) => text.filters[name]).join(', ');
  return (
    <Paper withBorder radius="md" p="xl" ta="center">
      <Text>{conditions.length > 0 ? text.emptyBy(written) : text.emptyAll}</Text>
      {conditions.length > 0 && (
        <Group mt="sm" gap="xs" justify="center">
          {conditions.length > 1 &&
            conditions.map((name) => (
              <Culprit key={name} name={name} filter={without(filter, name)} {...{ names, show }} />
            ))}
          <Button variant="default" size="xs" onClick={() => show(NO_FILTER)}>
            {text.clear}
          </Button>
        </Group>
      )}
    </Paper>
  );
}

/** The button that removes a condition, if the list has rows without it. */
function Culprit({ name, filter, names, show }: EmptyListProps & { name: Condition }) {
  const { data } = useAnswer(matchingRuns, {
    filter: toQueryFilter(filter, names, minuteOf(Date.now())),
    first: 1,
    after: null,
  });
  if (!data?.executions?.nodes.length) return null;
  return (
    <Button variant="light" size="xs" onClick={() => show(filter)}>
      {text.matchWithout(text.filters[name])}
    </Button>
  );
}

/** Rounds a time down, so that a span asks the same at each rendering of a minute. */
function minuteOf(now: number): number {
  return now - (now % 60_000);
}
