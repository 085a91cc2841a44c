import { Alert, Group, Text } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import { useSocketState } from '../server/socket.ts';

/** Says whether the page is live. */
export function LiveState() {
  const state = useSocketState();
  return (
    <Group gap={6} wrap="nowrap" role="status">
      <span className="live-dot" data-state={state} aria-hidden="true" />
      <Text size="xs" c="dimmed" visibleFrom="xs">
        {messages.shell.live[state]}
      </Text>
    </Group>
  );
}

/** Says that the connection is lost, and that it comes back by itself. */
export function LostBanner() {
  const state = useSocketState();
  if (state !== 'lost') return null;
  return (
    <Alert color="orange" variant="outline" mb="md" p="xs" className="failure">
      <Text size="sm">{messages.shell.lost}</Text>
    </Alert>
  );
}
