import { Button, Menu } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { ChevronDown } from 'lucide-react';
import { messages } from '../messages/messages.ts';

/** The same request in the four languages of Howdah. */
export type Forms = { sql: string; graphql: string; curl: string; cli: string };

const NAMES = [
  ['sql', 'SQL'],
  ['graphql', 'GraphQL'],
  ['curl', 'curl'],
  ['cli', 'CLI'],
] as const;

/** A menu that copies what a list or a run shows as a request of the person's own. */
export function CopyAs({ forms }: { forms: Forms }) {
  const clipboard = useClipboard({ timeout: 1_500 });
  return (
    <Menu position="bottom-end" withinPortal shadow="md">
      <Menu.Target>
        <Button variant="default" size="xs" rightSection={<ChevronDown size={14} aria-hidden />}>
          {clipboard.copied ? messages.common.copied : messages.common.copyAs}
        </Button>
      </Menu.Target>
      <Menu.Dropdown>
        {NAMES.map(([form, name]) => (
          <Menu.Item key={form} onClick={() => clipboard.copy(forms[form])}>
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
