import { Badge, NavLink } from '@mantine/core';
import { House, Inbox, List } from 'lucide-react';
import { Link, useLocation } from 'wouter';
import { messages } from '../messages/messages.ts';
import { useOpenCount } from '../server/open-questions.tsx';

/** The places of the console. A place is added here with its first page. */
export const places = [
  { path: '/', name: messages.places.home, Icon: House },
  { path: '/runs', name: messages.places.runs, Icon: List },
  { path: '/inbox', name: messages.places.inbox, Icon: Inbox },
] as const;

/** The menu of places, with the number of open questions. */
export function Places({ onChoose }: { onChoose(): void }) {
  const [location] = useLocation();
  const open = useOpenCount();
  return places.map(({ path, name, Icon }) => (
    <NavLink
      key={path}
      component={Link}
      href={path}
      label={name}
      leftSection={<Icon size={16} aria-hidden />}
      rightSection={
        path === '/inbox' && open > 0 ? (
          <Badge size="sm" variant="filled" circle>
            {open}
          </Badge>
        ) : undefined
      }
      active={path === '/' ? location === '/' : location.startsWith(path)}
      onClick={onChoose}
      className="place"
    />
  ));
}
