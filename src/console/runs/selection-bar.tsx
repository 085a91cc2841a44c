import { Button, Group, Text } from '@mantine/core';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { useMayWrite } from '../server/me.tsx';
import { BULK_ACTIONS, type BulkAction } from './bulk-actions.ts';
import type { Selection } from './use-selection.ts';

const text = messages.bulk;

type SelectionBarProps = { selection: Selection; start(action: BulkAction): void };

/** The number of selected runs, and the actions on them. */
export function SelectionBar({ selection, start }: SelectionBarProps) {
  const { ids, isAll } = selection;
  const mayRun = useMayWrite('executions');
  if (ids.length === 0 && !isAll) return null;
  const [older, newer] = ids.toSorted();
  return (
    <Group gap="xs" mb="xs" role="toolbar" aria-label={text.toolbar} className="selection-bar">
      <Text size="sm" fw={600} aria-live="polite">
        {isAll ? text.allSelected : text.selected(ids.length)}
      </Text>
      {!isAll && mayRun && (
        <Button size="compact-sm" variant="subtle" onClick={selection.selectAll}>
          {text.selectAll}
        </Button>
      )}
      {(mayRun ? BULK_ACTIONS : []).map((action) => (
        <Button key={action} size="compact-sm" variant="default" onClick={() => start(action)}>
          {messages.run.actions[action]}
        </Button>
      ))}
      {ids.length === 2 && !isAll && (
        <Button
          component={Link}
          href={`/runs/${older}/compare/${newer}`}
          size="compact-sm"
          variant="default"
        >
          {messages.compare.submit}
        </Button>
      )}
      <Button size="compact-sm" variant="subtle" color="gray" onClick={selection.clear}>
        {text.clear}
      </Button>
    </Group>
  );
}
