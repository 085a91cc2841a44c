import { Button, Loader, Stack, Text } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { MessageView } from './message-view.tsx';
import type { RunHead } from './run-head.ts';
import { useMessages } from './use-messages.ts';

/** The conversation of a run. New messages appear as the run goes on. */
export function MessagesTab({ run }: { run: RunHead }) {
  const loaded = useMessages(run.id, run.messageCount);
  if (loaded.isLoading && !loaded.failure) {
    return <Loader size="sm" aria-label={messages.common.loading} />;
  }
  return (
    <Stack gap="sm" maw={900}>
      {loaded.messages.length === 0 && !loaded.failure && (
        <Text size="sm">{messages.messages.empty}</Text>
      )}
      {loaded.messages.map((message) => (
        <MessageView key={message.seq} message={message} />
      ))}
      {loaded.failure && <FailureAlert failure={loaded.failure} onRetry={loaded.loadMore} />}
      {loaded.hasMore && (
        <Button variant="default" size="xs" onClick={loaded.loadMore}>
          {messages.messages.more}
        </Button>
      )}
    </Stack>
  );
}
