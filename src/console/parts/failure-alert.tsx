import { Alert, Button, Group, Text } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import type { Failure } from '../server/failure.ts';
import { useRetry } from './use-retry.ts';

/**
 * A failed request: the sentence of the server, its hint, and a way to try again. A failure that
 * may pass is tried again by itself, so `onRetry` only reads.
 */
export function FailureAlert({ failure, onRetry }: { failure: Failure; onRetry?: () => void }) {
  useRetry(failure, onRetry);
  return (
    <Alert color="red" variant="outline" role="alert" className="failure">
      <Text size="sm">{failure.message}</Text>
      {failure.hint && (
        <Text size="sm" mt={4}>
          {failure.hint}
        </Text>
      )}
      <Group mt={6} gap="sm">
        <Text size="xs" c="dimmed" ff="monospace">
          {failure.code}
        </Text>
        {onRetry && (
          <Button size="compact-xs" variant="default" onClick={onRetry}>
            {messages.common.reload}
          </Button>
        )}
      </Group>
    </Alert>
  );
}
