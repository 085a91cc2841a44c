import { ActionIcon, Menu, Text } from '@mantine/core';
import { MessageSquareText } from 'lucide-react';
import { useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { chatPrompts } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';

const text = messages.chat;

type PromptMenuProps = { insert(template: string): void; isDisabled: boolean };

/** The prompts of the tenant. The chosen one is written into the message, with its placeholders. */
export function PromptMenu({ insert, isDisabled }: PromptMenuProps) {
  const [isOpen, setOpen] = useState(false);
  const { data, failure, reload } = useAnswer(chatPrompts, isOpen ? {} : undefined);
  const prompts = data?.prompts?.nodes.filter((one) => one !== null);
  return (
    <Menu opened={isOpen} onChange={setOpen} position="top-start" shadow="md" width={300}>
      <Menu.Target>
        <ActionIcon
          variant="default"
          size="md"
          aria-label={text.prompts}
          title={text.prompts}
          disabled={isDisabled}
        >
          <MessageSquareText size={16} aria-hidden />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown className="menu-of-rows">
        {failure && <FailureAlert failure={failure} onRetry={reload} />}
        {prompts?.length === 0 && (
          <Text size="xs" c="dimmed" p="xs">
            {text.noPrompts}
          </Text>
        )}
        {prompts?.map(({ id, name, description, template }) => (
          <Menu.Item key={id} onClick={() => insert(template)}>
            <Text size="sm" truncate className="user-text">
              {name}
            </Text>
            <Text size="xs" c="dimmed" truncate className="user-text">
              {description || template}
            </Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
