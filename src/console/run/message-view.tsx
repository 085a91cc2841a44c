import { Badge, Group, Text } from '@mantine/core';
import { messages } from '../messages/messages.ts';
import { isEmptyValue, ValueView } from '../parts/value-view.tsx';
import type { RunMessage } from '../server/operations.generated.ts';

/** A message of the conversation. Its text is shown as it is, without any markup. */
export function MessageView({ message }: { message: RunMessage }) {
  const { role, seq, content, toolCalls, parts, trust } = message;
  return (
    <article className="message" data-role={role}>
      <Group gap="xs" mb={4}>
        <Text size="xs" fw={600}>
          {seq} · {role}
        </Text>
        {trust === 'external' && (
          <Badge size="xs" variant="outline" color="gray" tt="none">
            {messages.messages.trust}: {trust}
          </Badge>
        )}
      </Group>
      {content !== null && content !== '' && <ValueView value={content} label={role} />}
      {!isEmptyValue(parts) && <ValueView value={parts} label={role} />}
      {!isEmptyValue(toolCalls) && <ValueView value={toolCalls} label={role} />}
    </article>
  );
}
