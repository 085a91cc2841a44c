import { Alert, Anchor, Group, Loader, Paper, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect, useRef } from 'react';
import { Link } from 'wouter';
import { messages } from '../../messages/messages.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { Moment } from '../../parts/moment.tsx';
import { isEmptyValue, ValueView } from '../../parts/value-view.tsx';
import { useMayWrite } from '../../server/me.tsx';
import { oneProposal } from '../../server/operations.generated.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { useOpenProposals } from '../../server/waiting/open-proposals.tsx';
import type { ProposalDetail } from './proposal-detail.ts';
import { ProposalForm } from './proposal-form.tsx';

const text = messages.inbox.proposals;

/** Loads one proposal, and again when it leaves the open ones, for example by another person. */
export function ProposalPanel({ id }: { id: string }) {
  const { data, failure, reload } = useAnswer(oneProposal, { id });
  const { proposals } = useOpenProposals();
  const isOpen = proposals.some((one) => one.id === id);
  const wasOpen = useRef(isOpen);
  useEffect(() => {
    if (wasOpen.current && !isOpen) reload();
    wasOpen.current = isOpen;
  }, [isOpen, reload]);
  const proposal = data?.memory;
  return (
    <Paper withBorder radius="md" p="md" component="section">
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!failure && !data && <Loader size="sm" aria-label={messages.common.loading} />}
      {!failure && data && !proposal && <Text size="sm">{text.notFound}</Text>}
      {proposal && <Proposal proposal={proposal} reload={reload} />}
    </Paper>
  );
}

type ProposalProps = { proposal: ProposalDetail; reload(): void };

function Proposal({ proposal, reload }: ProposalProps) {
  const { content, trust, kind, agent, sourceExecution, supersededMemories } = proposal;
  const earlier = supersededMemories.nodes[0]?.content;
  return (
    <Stack gap="md">
      <div>
        <Text size="xs" c="dimmed">
          {text.kind(kind)}
        </Text>
        <Title order={2} size="h4" className="user-text">
          {text.title(agent?.name ?? messages.common.none)}
        </Title>
      </div>
      {trust === 'external' && (
        <Alert color="orange" variant="outline" p="xs" className="failure">
          <Text size="sm">{text.external}</Text>
        </Alert>
      )}
      <Facts proposal={proposal} />
      <Part title={text.text}>
        <ValueView value={content} label={text.text} />
      </Part>
      {earlier !== undefined && (
        <Part title={text.earlier}>
          <ValueView value={earlier} label={text.earlier} />
        </Part>
      )}
      {!isEmptyValue(sourceExecution?.input) && (
        <Part title={text.input}>
          <ValueView value={sourceExecution?.input ?? null} label={text.input} />
        </Part>
      )}
      <Outcome proposal={proposal} reload={reload} />
    </Stack>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <div>
      <Title order={3} size="h6" mb={4}>
        {title}
      </Title>
      {children}
    </div>
  );
}

function Facts({ proposal }: { proposal: ProposalDetail }) {
  const { id, agent, trust, createdBy, proposedAt } = proposal;
  return (
    <Group gap="lg" className="facts">
      {proposedAt && (
        <Text size="sm" component="div">
          {text.proposed} <Moment at={proposedAt} />
        </Text>
      )}
      {agent && (
        <Text size="sm">
          {text.agent}{' '}
          <Anchor component={Link} href={`/agents/${agent.id}`} inherit className="user-text">
            {agent.name}
          </Anchor>
        </Text>
      )}
      <Text size="sm" className="user-text">
        {text.writtenBy} {createdBy}
      </Text>
      <Text size="sm">{text.trust(trust)}</Text>
      <Source proposal={proposal} />
      <Anchor component={Link} href={`/system/memories/${id}`} size="sm">
        {text.page}
      </Anchor>
    </Group>
  );
}

/** The step in which the agent learned it. */
function Source({ proposal: { sourceExecutionId: run, sourceSeq: seq } }: ProposalFacts) {
  if (!run) return <Text size="sm">{text.byPerson}</Text>;
  return (
    <Text size="sm">
      {text.learnedIn}{' '}
      <Anchor component={Link} href={seq ? `/runs/${run}/${seq}` : `/runs/${run}`} inherit>
        {seq ? text.step(seq) : text.run}
      </Anchor>
    </Text>
  );
}

type ProposalFacts = { proposal: ProposalDetail };

/** The form of an open proposal, or what became of it, which is read out when it happens. */
function Outcome({ proposal, reload }: ProposalProps) {
  const mayDecide = useMayWrite('memories');
  const isOpen = proposal.proposalStatus === 'open';
  const copy = proposal.approvedMemories.nodes[0];
  return (
    <div>
      <Text size="sm" component="div" className="user-text" role="status">
        {outcomeOf(proposal)}
      </Text>
      {copy && (
        <Anchor component={Link} href={`/system/memories/${copy.id}`} size="sm">
          {text.copy}
        </Anchor>
      )}
      {isOpen && !mayDecide && <Text size="sm">{messages.common.readOnly}</Text>}
      {isOpen && mayDecide && <ProposalForm proposal={proposal} decided={reload} />}
    </div>
  );
}

function outcomeOf({ proposalStatus, decidedBy, supersededBy }: ProposalDetail): string {
  if (proposalStatus === 'open') return '';
  if (proposalStatus !== null) return text[proposalStatus](decidedBy ?? messages.common.none);
  return supersededBy === null ? text.notProposed : text.ended;
}
