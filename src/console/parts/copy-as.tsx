import { Button, Menu } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { ChevronDown } from 'lucide-react';
import { messages } from '../messages/messages.ts';
import { FORM_NAMES, type Forms } from './forms.ts';

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
        {FORM_NAMES.filter(([form]) => forms[form] !== undefined).map(([form, name]) => (
          <Menu.Item key={form} onClick={() => clipboard.copy(forms[form])}>
            {name}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
