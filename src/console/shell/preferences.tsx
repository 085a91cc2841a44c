import { ActionIcon, Tooltip, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { LogOut, Moon, Search, Sun } from 'lucide-react';
import { messages } from '../messages/messages.ts';
import { setSessionKey, useSessionKey } from '../server/session-key.ts';
import { closeSocket } from '../server/socket.ts';

/** The small buttons of the header: search on a phone, colours, and the end of the login. */
export function Preferences({ openPalette }: { openPalette(): void }) {
  const key = useSessionKey();
  return (
    <>
      <ActionIcon
        variant="default"
        onClick={openPalette}
        hiddenFrom="sm"
        aria-label={messages.shell.search}
      >
        <Search size={16} aria-hidden />
      </ActionIcon>
      <ColorScheme />
      {key !== undefined && (
        <Tooltip label={messages.shell.logOut}>
          <ActionIcon variant="default" onClick={logOut} aria-label={messages.shell.logOut}>
            <LogOut size={16} aria-hidden />
          </ActionIcon>
        </Tooltip>
      )}
    </>
  );
}

function ColorScheme() {
  const { setColorScheme } = useMantineColorScheme();
  const isDark = useComputedColorScheme('light') === 'dark';
  const label = isDark ? messages.shell.light : messages.shell.dark;
  return (
    <Tooltip label={label}>
      <ActionIcon
        variant="default"
        onClick={() => setColorScheme(isDark ? 'light' : 'dark')}
        aria-label={label}
      >
        {isDark ? <Sun size={16} aria-hidden /> : <Moon size={16} aria-hidden />}
      </ActionIcon>
    </Tooltip>
  );
}

/** Forgets the key. What was loaded with it goes too, because the page begins anew. */
function logOut(): void {
  closeSocket();
  setSessionKey(undefined);
}
