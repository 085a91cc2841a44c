import { Button, Paper, Select, Text } from '@mantine/core';
import { useEffect, useState } from 'react';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { nameOfRun } from '../runs/run-name.ts';
import { useKnownNames } from '../runs/use-runs.ts';
import { type SessionLine, sessions as sessionsQuery } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';

const text = messages.chat;
const PAGE = 30;

/** The conversations, the newest first: all, or those with an agent. */
export function SessionList({ selected }: { selected: string | undefined }) {
  const [after, setAfter] = useState<string>();
  const names = useKnownNames();
  const [agent, setAgent] = useState<string | null>(null);
  const agentId = agent === null ? undefined : names?.agents.get(agent);
  const page = useAnswer(sessionsQuery, {
    first: PAGE,
    after: after ?? null,
    ...(agentId !== undefined && { filter: { agentId: { equalTo: agentId } } }),
  });
  const isKnown = page.data?.sessions?.nodes.some((one) => one?.id === selected) ?? true;
  const { reload } = page;
  // a conversation that has just begun belongs into the list
  useEffect(() => {
    if (selected !== undefined && !isKnown && after === undefined) reload();
  }, [selected]);
  const lines = page.data?.sessions?.nodes.filter((one) => one !== null) ?? [];
  const next = page.data?.sessions?.pageInfo;
  return (
    <nav className="session-list" aria-label={text.sessions}>
      <Select
        size="xs"
        aria-label={text.with}
        placeholder={text.withAll}
        data={[...(names?.agents.keys() ?? [])]}
        value={agent}
        onChange={(next) => {
          setAgent(next);
          setAfter(undefined);
        }}
        clearable
        searchable
      />
      {page.failure && <FailureAlert failure={page.failure} onRetry={reload} />}
      <Lines lines={lines} selected={selected} />
      {page.data && lines.length === 0 && (
        <Text size="sm" c="dimmed">
          {text.noSessions}
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

type LinesProps = { lines: readonly SessionLine[]; selected: string | undefined };

function Lines({ lines, selected }: LinesProps) {
  if (lines.length === 0) return null;
  return (
    <Paper withBorder radius="md" className="table-frame">
      {lines.map((line) => (
        <Link
          key={line.id}
          href={`/chat/${line.id}`}
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
