import { AppShell, Burger, Button, Center, Group, Kbd, Loader, Text, Title } from '@mantine/core';
import { useDisclosure, useHotkeys } from '@mantine/hooks';
import { Search } from 'lucide-react';
import { lazy, Suspense } from 'react';
import { Link, Redirect, Route, Switch, useLocation } from 'wouter';
import { messages } from '../messages/messages.ts';
import { shortcutLabel } from '../parts/use-keys.ts';
import { Boundary } from './boundary.tsx';
import { CommandPalette } from './command-palette.tsx';
import { LiveState, LostBanner } from './live-state.tsx';
import { Places } from './places.tsx';
import { Preferences } from './preferences.tsx';

const HomePage = lazy(async () => ({ default: (await import('../home/home-page.tsx')).HomePage }));
const RunsPage = lazy(async () => ({
  default: (await import('../peek/runs-place.tsx')).RunsPlace,
}));
const RunPage = lazy(async () => ({ default: (await import('../run/run-page.tsx')).RunPage }));
const ComparePage = lazy(async () => ({
  default: (await import('../compare/compare-page.tsx')).ComparePage,
}));
const InboxPage = lazy(async () => ({
  default: (await import('../inbox/inbox-page.tsx')).InboxPage,
}));

const RowsPlace = lazy(async () => ({
  default: (await import('../rows/rows-place.tsx')).RowsPlace,
}));
const SystemsPlace = lazy(async () => ({
  default: (await import('../agent-systems/systems-place.tsx')).SystemsPlace,
}));
const KnowledgePlace = lazy(async () => ({
  default: (await import('../knowledge/knowledge-place.tsx')).KnowledgePlace,
}));
const QualityPage = lazy(async () => ({
  default: (await import('../quality/overview/overview-page.tsx')).QualityPage,
}));
const DatasetsPlace = lazy(async () => ({
  default: (await import('../quality/datasets/datasets-place.tsx')).DatasetsPlace,
}));
const EvaluationsPlace = lazy(async () => ({
  default: (await import('../quality/evaluations-place.tsx')).EvaluationsPlace,
}));
const CostsPage = lazy(async () => ({
  default: (await import('../costs/costs-page.tsx')).CostsPage,
}));
const SystemPlace = lazy(async () => ({
  default: (await import('../system/system-place.tsx')).SystemPlace,
}));

const ChatPage = lazy(async () => ({ default: (await import('../chat/chat-page.tsx')).ChatPage }));

const PlaygroundPage = lazy(async () => ({
  default: (await import('../playground/playground-page.tsx')).PlaygroundPage,
}));

/** The frame of all places: the header, the menu and the place of the URL. */
export function Shell() {
  const [isMenuOpen, menu] = useDisclosure(false);
  const [isPaletteOpen, palette] = useDisclosure(false);
  useHotkeys([['mod+K', palette.open]]);
  return (
    <AppShell
      header={{ height: 52 }}
      navbar={{ width: 190, breakpoint: 'sm', collapsed: { mobile: !isMenuOpen } }}
      padding={{ base: 'sm', sm: 'lg' }}
      transitionDuration={0}
    >
      <Header isMenuOpen={isMenuOpen} toggleMenu={menu.toggle} openPalette={palette.open} />
      <AppShell.Navbar p="xs" aria-label={messages.shell.menu}>
        <Places onChoose={menu.close} />
      </AppShell.Navbar>
      <AppShell.Main id="content">
        <LostBanner />
        <Boundary>
          <Suspense fallback={<Waiting />}>
            <Place />
          </Suspense>
        </Boundary>
      </AppShell.Main>
      <CommandPalette isOpen={isPaletteOpen} close={palette.close} />
    </AppShell>
  );
}

type HeaderProps = { isMenuOpen: boolean; toggleMenu(): void; openPalette(): void };

function Header({ isMenuOpen, toggleMenu, openPalette }: HeaderProps) {
  return (
    <AppShell.Header>
      <Group h="100%" px="md" justify="space-between" wrap="nowrap">
        <Group gap="sm" wrap="nowrap">
          <Burger
            opened={isMenuOpen}
            onClick={toggleMenu}
            hiddenFrom="sm"
            size="sm"
            aria-label={messages.shell.menu}
          />
          <Link href="/" className="wordmark">
            Howdah
          </Link>
          <LiveState />
        </Group>
        <Group gap="xs" wrap="nowrap">
          <Button
            variant="default"
            size="xs"
            leftSection={<Search size={14} aria-hidden />}
            rightSection={<Kbd size="xs">{shortcutLabel('K')}</Kbd>}
            onClick={openPalette}
            visibleFrom="sm"
          >
            {messages.shell.search}
          </Button>
          <Preferences openPalette={openPalette} />
        </Group>
      </Group>
    </AppShell.Header>
  );
}

function Place() {
  return (
    <Switch>
      <Route path="/" component={HomePage} />
      <Route path="/login">
        <Redirect to="/" replace />
      </Route>
      <Route path="/runs" component={RunsPage} />
      <Route path="/runs/:id/steps/:seq">
        {({ id, seq }) => <Redirect to={`/runs/${id}/${seq}`} replace />}
      </Route>
      <Route path="/runs/:id/compare/:other">
        {({ id, other }) => <ComparePage key={`${id} ${other}`} a={id} b={other} />}
      </Route>
      <Route path="/runs/:id/:seq?">
        {({ id, seq }) => <RunPage key={id} id={id} seq={seq} />}
      </Route>
      <Route path="/inbox/proposals/:id">
        {({ id }) => <InboxPage entry={{ kind: 'proposal', id }} />}
      </Route>
      <Route path="/inbox/:id?">
        {({ id }) => <InboxPage entry={id === undefined ? undefined : { kind: 'question', id }} />}
      </Route>
      <Route path="/agents/*?">
        <RowsPlace resource="agents" />
      </Route>
      <Route path="/workflows/*?">
        <RowsPlace resource="workflows" />
      </Route>
      <Route path="/definitions/agent-systems/:name?">
        {({ name }) => <SystemsPlace name={name} />}
      </Route>
      <Route path="/definitions/:resource/*?">
        {({ resource }) => <RowsPlace resource={resource} />}
      </Route>
      <Route path="/knowledge/*?" component={KnowledgePlace} />
      <Route path="/quality" component={QualityPage} />
      <Route path="/datasets/*?" component={DatasetsPlace} />
      <Route path="/evaluations/*?" component={EvaluationsPlace} />
      <Route path="/costs" component={CostsPage} />
      <Route path="/system/:page?/*?">{({ page }) => <SystemPlace page={page} />}</Route>
      <Route path="/playground" component={PlaygroundPage} />
      <Route path="/chat/:id?">{({ id }) => <ChatPage id={id} />}</Route>
      <Route>
        <UnknownPlace />
      </Route>
    </Switch>
  );
}

function Waiting() {
  return (
    <Center p="xl">
      <Loader size="sm" aria-label={messages.common.loading} />
    </Center>
  );
}

function UnknownPlace() {
  const [path] = useLocation();
  return (
    <>
      <Title order={1} size="h3" mb="xs">
        {messages.common.notFoundTitle}
      </Title>
      <Text ff="monospace" size="sm">
        {path}
      </Text>
      <Text size="sm">{messages.common.notFound}</Text>
    </>
  );
}
