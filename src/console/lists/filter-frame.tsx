import { Button, Group, type GroupProps } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { ListFilter } from 'lucide-react';
import { messages } from '../messages/messages.ts';

type FilterFrameProps = GroupProps & {
  /** The number of conditions that are set. */
  count: number;
};

/**
 * The conditions of a list. On a phone they would fill the screen, so a button opens them and says
 * how many are set.
 */
export function FilterFrame({ count, children, ...props }: FilterFrameProps) {
  const [isOpen, { toggle }] = useDisclosure(false);
  return (
    <div className="filter-frame" data-open={isOpen || undefined}>
      <Button
        hiddenFrom="sm"
        size="xs"
        mb="xs"
        variant="default"
        leftSection={<ListFilter size={14} aria-hidden />}
        aria-expanded={isOpen}
        onClick={toggle}
      >
        {messages.common.filters(count)}
      </Button>
      <Group gap="xs" mb="sm" className="filter-bar" {...props}>
        {children}
      </Group>
    </div>
  );
}
