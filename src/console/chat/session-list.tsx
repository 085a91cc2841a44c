import { Button, Paper, Select, Text, TextInput } from '@mantine/core';
import { Search } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { nameOfRun } from '../runs/run-name.ts';
import { useKnownNames } from '../runs/use-runs.ts';
import { type SessionLine, sessions as sessionsQuery } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { useFilterQuery, useSessionFilter } from './use-session-filter.ts';

const text = messages.chat;
const PAGE = 30;

/** The conversations, the newest first: all, or those with an agent or with some words. */
export function SessionList({ selected }: { selected: string | undefined }) {
  const [after, setAfter] = useState<string>();
  const { words, agent, written, write, choose } = useSessionFilter();
  const { lines, page } = useSessions({ agent, words, after, selected });
  const next = page.data?.sessions?.pageInfo;
  return (
    <nav className="session-list" aria-label={text.sessions}>
      <SearchField
        written={written}
        write={(value) => {
          write(value);
          setAfter(undefined);
        }}
      />
      <AgentFilter
        agent={agent}
        choose={(value) => {
          choose(value);
          setAfter(undefined);
        }}
      />
      {page.failure && <FailureAlert failure={page.failure} onRetry={page.reload} />}
      <Lines lines={lines} selected={selected} />
      {page.data && lines.length === 0 && (
        <Text size="sm" c="dimmed">
          {words === '' ? text.noSessions : text.noneFound}
        </Text>
      )}
      {after !== undefined && (
        <Button size="xs" variant="default" onClick={() => setAfter(undefined)}>
          {text.newest}
        </Button>
      )}
      {next?.hasNextPage && (
        <Button size="xs" variant="default" onClick={() => setAfter(next.endCursor ?? undefined)}>
          {text.older}
        </Button>
      )}
    </nav>
  );
}

type Wanted = {
  agent: string | null;
  words: string;
  after: string | undefined;
  selected: string | undefined;
};

/** Reads a page of conversations, and again when one is selected that has just begun. */
function useSessions({ agent, words, after, selected }: Wanted) {
  const agentId = useKnownNames()?.agents.get(agent ?? '');
  const filter = {
    ...(agentId !== undefined && { agentId: { equalTo: agentId } }),
    ...(words !== '' && { words }),
  };
  const page = useAnswer(sessionsQuery, {
    first: PAGE,
    after: after ?? null,
    ...(Object.keys(filter).length > 0 && { filter }), // an empty filter is refused
  });
  const isKnown = page.data?.sessions?.nodes.some((one) => one?.id === selected) ?? true;
  const { reload } = page;
  // a conversation that has just begun belongs into the list
  useEffect(() => {
    if (selected !== undefined && !isKnown && after === undefined) reload();
  }, [selected]);
  return { lines: page.data?.sessions?.nodes.filter((one) => one !== null) ?? [], page };
}

function SearchField({ written, write }: { written: string; write(value: string): void }) {
  return (
    <TextInput
      size="xs"
      type="search"
      aria-label={text.search}
      placeholder={text.search}
      leftSection={<Search size={14} aria-hidden />}
      value={written}
      onChange={(event) => write(event.currentTarget.value)}
    />
  );
}

type AgentFilterProps = { agent: string | null; choose(agent: string | null): void };

function AgentFilter({ agent, choose }: AgentFilterProps) {
  const names = useKnownNames();
  return (
    <Select
      size="xs"
      aria-label={text.with}
      placeholder={text.withAll}
      data={[...(names?.agents.keys() ?? [])]}
      value={agent}
      onChange={choose}
      clearable
      searchable
    />
  );
}

type LinesProps = { lines: readonly SessionLine[]; selected: string | undefined };

function Lines({ lines, selected }: LinesProps) {
  const query = useFilterQuery();
  if (lines.length === 0) return null;
  return (
    <Paper withBorder radius="md" className="table-frame">
      {lines.map((line) => (
        <Link
          key={line.id}
          href={`/chat/${line.id}${query}`}
          className="inbox-line"
          data-selected={line.id === selected || undefined}
          aria-current={line.id === selected ? 'true' : undefined}
        >
          <Text size="sm" truncate className="user-text">
            {line.title ?? text.untitled}
          </Text>
          <Text size="xs" c="dimmed" truncate component="div">
            {nameOfRun(line)} · {text.turnCount(line.turns)} ·{' '}
            <Moment at={line.lastActivityAt} isPlain />
          </Text>
        </Link>
      ))}
    </Paper>
  );
}
