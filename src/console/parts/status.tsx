import { Group, Text } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import type { ExecutionStatus, WaitingReason } from '../server/operations.generated.ts';

/** The state of a run: a coloured dot with the word, so that colour alone says nothing. */
export function Status({
  status,
  waitingFor,
}: {
  status: ExecutionStatus;
  waitingFor?: WaitingReason | null;
}) {
  const reason = status === 'waiting' && waitingFor ? ` ${messages.waiting[waitingFor]}` : '';
  return (
    <Group gap={7} wrap="nowrap" component="span" className="status">
      <span className="dot" data-status={status} aria-hidden="true" />
      <Text component="span" size="sm" inherit>
        {messages.status[status]}
        {reason}
      </Text>
    </Group>
  );
}
