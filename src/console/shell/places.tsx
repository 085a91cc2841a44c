import { Badge, NavLink } from '@mantine/core';
import {
  Blocks,
  BookOpen,
  Bot,
  Coins,
  Columns2,
  Cpu,
  FileCode,
  FlaskConical,
  Gauge,
  House,
  Inbox,
  List,
  ListChecks,
  type LucideIcon,
  MessageSquareText,
  MessagesSquare,
  Plug,
  Settings,
  Workflow,
  Wrench,
} from 'lucide-react';
import { Link, useLocation } from 'wouter';
import { messages } from '../messages/messages.ts';
import { useOpenCount } from '../server/waiting/open-count.ts';

/** The places of the console. A place is added here with its first page. */
export const places = [
  { path: '/', name: messages.places.home, Icon: House },
  { path: '/runs', name: messages.places.runs, Icon: List },
  { path: '/inbox', name: messages.places.inbox, Icon: Inbox },
  { path: '/chat', name: messages.places.chat, Icon: MessagesSquare },
  { path: '/playground', name: messages.places.playground, Icon: Columns2 },
  { path: '/agents', name: messages.places.agents, Icon: Bot, isFirst: true },
  { path: '/workflows', name: messages.places.workflows, Icon: Workflow },
  { path: '/definitions/tools', name: messages.places.tools, Icon: Wrench },
  { path: '/definitions/models', name: messages.places.models, Icon: Cpu },
  { path: '/definitions/prompts', name: messages.places.prompts, Icon: MessageSquareText },
  { path: '/definitions/skills', name: messages.places.skills, Icon: Blocks },
  { path: '/definitions/mcp-servers', name: messages.places.mcpServers, Icon: Plug },
  { path: '/definitions/agent-systems', name: messages.places.agentSystems, Icon: FileCode },
  { path: '/knowledge', name: messages.places.knowledge, Icon: BookOpen },
  { path: '/quality', name: messages.places.quality, Icon: Gauge },
  { path: '/datasets', name: messages.places.datasets, Icon: ListChecks },
  { path: '/evaluations', name: messages.places.evaluations, Icon: FlaskConical },
  { path: '/costs', name: messages.places.costs, Icon: Coins, isFirst: true },
  { path: '/system', name: messages.places.system, Icon: Settings },
] as const satisfies readonly Place[];

type Place = {
  path: string;
  name: string;
  Icon: LucideIcon;
  /** Whether a line separates the place from those before. */
  isFirst?: boolean;
};

/** The menu of places, with the number of open questions. */
export function Places({ onChoose }: { onChoose(): void }) {
  const [location] = useLocation();
  const open = useOpenCount();
  return places.map(({ path, name, Icon, ...place }) => (
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
      data-first={'isFirst' in place || undefined}
    />
  ));
}
