import { Anchor, Group, Paper, Text } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { isJsonObject, type Json } from '../../json/json.ts';
import { FeedbackList } from '../feedback/feedback-list.tsx';
import {
  formatCompact,
  formatCost,
  formatCount,
  formatDuration,
  formatWholeCost,
  sum,
} from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { Cost } from '../parts/cost.tsx';
import { Moment, useNow } from '../parts/moment.tsx';
import { Status } from '../parts/status.tsx';
import { hasEnded, type RunHead } from './run-head.ts';
import { ErrorText } from './step-detail.tsx';

const text = messages.run.facts;

type RunFactsProps = { run: RunHead; explanation: Json; active: number };

/** The header of a run: its state and why, where its time went, and what it used. */
export function RunFacts({ run, explanation, active }: RunFactsProps) {
  const summary = isJsonObject(explanation) ? explanation.summary : undefined;
  const version = run.agentVersion ?? run.workflowVersion;
  return (
    <Paper withBorder radius="md" p="md" mb="sm">
      <Group gap="xl" className="facts run-facts">
        <Status status={run.status} waitingFor={run.waitingFor} />
        {version && (
          <Fact name={text.version} value={<VersionLink run={run} version={version.version} />} />
        )}
        <Times run={run} active={active} />
        <Usage run={run} />
        <Fact name={text.created} value={<Moment at={run.createdAt} />} />
        <Fact name={text.by} value={run.user?.username ?? run.createdBy} />
        <Relations run={run} />
      </Group>
      {run.input && (
        <Text size="sm" mt="xs" lineClamp={2} className="user-text">
          {run.input}
        </Text>
      )}
      {typeof summary === 'string' && !isJsonObject(run.error) && (
        <Text size="sm" c="dimmed" mt="xs" className="user-text">
          {summary}
        </Text>
      )}
      {run.isPauseRequested && <Text size="sm">{messages.run.pausing}</Text>}
      {isJsonObject(run.error) && (
        <div className="run-error">
          <ErrorText error={run.error} />
        </div>
      )}
      <Text size="xs" c="dimmed" ff="monospace" mt="xs" className="user-text">
        {run.id}
      </Text>
      <FeedbackList id={run.id} />
    </Paper>
  );
}

/** The version that the run has, which leads to the agent or the workflow. */
function VersionLink({ run, version }: { run: RunHead; version: number }) {
  const path = run.agent
    ? `/agents/${encodeURIComponent(run.agent.name)}`
    : run.workflow && `/workflows/${encodeURIComponent(run.workflow.name)}`;
  if (!path) return version;
  return (
    <Anchor component={Link} href={path} size="sm">
      {version}
    </Anchor>
  );
}

function Fact({ name, value }: { name: string; value: ReactNode }) {
  return (
    <div className="fact">
      <Text size="xs" c="dimmed" component="div">
        {name}
      </Text>
      <Text size="sm" component="div">
        {value}
      </Text>
    </div>
  );
}

/** The duration as the sum of its parts: in the queue, at work, and waits for others. */
function Times({ run, active }: Pick<RunFactsProps, 'run' | 'active'>) {
  const now = useNow(1_000, !hasEnded(run));
  const end = run.completedAt === null ? now : Date.parse(run.completedAt);
  const due = Math.max(Date.parse(run.createdAt), Date.parse(run.runAt));
  const total = Math.max(0, end - due);
  const queued = run.queueSeconds === null ? total : Math.min(total, run.queueSeconds * 1_000);
  const working = Math.min(active, total - queued);
  return (
    <>
      <Fact name={text.queued} value={formatDuration(queued)} />
      <Fact name={text.running} value={formatDuration(working)} />
      <Fact name={text.waiting} value={formatDuration(total - queued - working)} />
    </>
  );
}

function Usage({ run }: { run: RunHead }) {
  const tokensIn = sum([run.tokensIn, run.childrenTokensIn]);
  const tokensOut = sum([run.tokensOut, run.childrenTokensOut]);
  const cost = sum([run.cost, run.childrenCost]);
  const hasChildren = Number(run.childrenCost) > 0;
  return (
    <>
      <Fact name={text.tokens} value={`${formatCompact(tokensIn)} / ${formatCompact(tokensOut)}`} />
      <Fact
        name={text.cost}
        value={
          hasChildren ? (
            <span title={text.total(formatWholeCost(run.cost), formatWholeCost(cost))}>
              {formatCost(cost)}
            </span>
          ) : (
            <Cost value={cost} />
          )
        }
      />
      <Fact name={text.steps} value={formatCount(run.stepCount)} />
    </>
  );
}

/** Links to the runs and the session that the run belongs to. */
function Relations({ run }: { run: RunHead }) {
  const isBelow = run.rootExecutionId !== run.id;
  return (
    <>
      {run.parentExecutionId && <RunLink name={text.parent} id={run.parentExecutionId} />}
      {isBelow && run.rootExecutionId !== run.parentExecutionId && (
        <RunLink name={text.root} id={run.rootExecutionId} />
      )}
      {run.forkedFromExecutionId && (
        <RunLink name={text.forked(run.forkedFromSeq ?? 0)} id={run.forkedFromExecutionId} />
      )}
      {run.sessionId && (
        <Fact
          name={text.session}
          value={
            <Anchor component={Link} href={`/runs?session=${run.sessionId}`} size="sm">
              {text.turn(run.turn ?? 1)}
            </Anchor>
          }
        />
      )}
    </>
  );
}

function RunLink({ name, id }: { name: string; id: string }) {
  return (
    <Fact
      name={name}
      value={
        <Anchor component={Link} href={`/runs/${id}`} size="sm" ff="monospace">
          …{id.slice(-12)}
        </Anchor>
      }
    />
  );
}
