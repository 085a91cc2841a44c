import { ActionIcon, Anchor, Button, Code, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { X } from 'lucide-react';
import type { ReactNode } from 'react';
import { Link } from 'wouter';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { formatCompact, formatDuration } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { Cost } from '../parts/cost.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { isEmptyValue, ValueView } from '../parts/value-view.tsx';
import { useMayWrite } from '../server/me.tsx';
import { type RunMessage, type StepPage, stepPage } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { StepIcon } from '../timeline/step-icon.tsx';
import { MessageView } from './message-view.tsx';
import { RequestPart } from './request-part.tsx';
import { AddToDataset } from './run-actions.tsx';
import { useStepMessages } from './use-step-messages.ts';

const text = messages.step;
type Step = NonNullable<StepPage['step']>;

type StepDetailProps = {
  runId: string;
  seq: number;
  closePath: string;
  /** Undefined if the run of the step is not loaded, or if the person may not fork it. */
  fork: (() => void) | undefined;
};

/** Everything about one step. */
export function StepDetail({ runId, seq, closePath, fork }: StepDetailProps) {
  const { data, failure, isLoading, reload } = useAnswer(stepPage, { id: runId, seq });
  const step = data?.step;
  return (
    <Paper withBorder radius="md" p="md" component="section" aria-label={text.title(seq)}>
      <Group justify="space-between" wrap="nowrap" mb="xs" align="flex-start">
        <Title order={2} size="h5">
          {text.title(seq)}
          {step && `: ${step.kind} ${step.name ?? ''}`}
        </Title>
        <Link href={closePath} asChild>
          <ActionIcon component="a" variant="subtle" color="gray" aria-label={text.close}>
            <X size={16} aria-hidden />
          </ActionIcon>
        </Link>
      </Group>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!failure && !isLoading && !step && <Text size="sm">{text.notFound}</Text>}
      {step && <StepContent {...{ runId, step, fork }} callsTool={callsTool(data.execution)} />}
    </Paper>
  );
}

type StepContentProps = {
  runId: string;
  step: Step;
  fork: StepDetailProps['fork'];
  /** True if a tool takes the place of the models of the run. */
  callsTool: boolean;
};

function StepContent({ runId, step, fork, callsTool }: StepContentProps) {
  const said = useStepMessages(runId, step.seq);
  const hasContent =
    said.length > 0 || [step.input, step.output, step.error].some((one) => !isEmptyValue(one));
  return (
    <Stack gap="sm">
      <StepFacts step={step} />
      <StepActions {...{ runId, step, fork, said }} />
      {isJsonObject(step.error) && (
        <Part title={text.error} value={step.error}>
          <ErrorText error={step.error} />
        </Part>
      )}
      {said.map((message) => (
        <MessageView key={message.seq} message={message} />
      ))}
      <Part title={text.input} value={step.input} />
      {said.every(({ role }) => role !== 'tool') && (
        <Part title={text.output} value={step.output} />
      )}
      <Part title={text.annotations} value={step.annotations} />
      {!callsTool && sendsRequest(step) && (
        <RequestPart key={step.seq} runId={runId} seq={step.seq} />
      )}
      {!hasContent && (
        <Text size="sm" c="dimmed">
          {text.empty}
        </Text>
      )}
      <StepOrigin step={step} />
    </Stack>
  );
}

type StepActionsProps = Omit<StepContentProps, 'callsTool'> & { said: readonly RunMessage[] };

/** What can be made of a step: a fork, and an item of a data set if it has an answer. */
function StepActions({ runId, step, fork, said }: StepActionsProps) {
  const mayFork = useMayWrite('executions') && fork !== undefined;
  const answer = said.findLast(({ role, content }) => /^(assistant|tool)$/.test(role) && content);
  if (!mayFork && !answer) return null;
  return (
    <Group gap="xs">
      {mayFork && (
        <Button size="compact-sm" variant="default" onClick={fork}>
          {messages.run.actions.forkHere}
        </Button>
      )}
      {answer && (
        <AddToDataset
          run={{ id: runId, output: answer.content, outputData: null, seq: step.seq }}
          size="compact-sm"
        />
      )}
    </Group>
  );
}

/** Returns whether a run makes one call of a tool in place of its models. */
function callsTool(run: StepPage['execution']): boolean {
  const { overrides = null, agent } = run ?? {};
  if (isJsonObject(overrides) && 'tool' in overrides) return true;
  const configuration = agent?.engineConfiguration ?? null;
  return agent?.engine === 'custom' && isJsonObject(configuration) && 'tool' in configuration;
}

/** Returns whether a step may record the outcome of a request to a model. */
function sendsRequest({ kind, name, callId, worker }: Step): boolean {
  if (callId !== null || worker === null) return false;
  return kind === 'model' || kind === 'retry' || (kind === 'guard' && name === 'context');
}

function StepFacts({ step }: { step: Step }) {
  const ms = Date.parse(step.finishedAt) - Date.parse(step.startedAt);
  return (
    <Group gap="md" className="facts">
      <StepIcon kind={step.kind} isFailed={step.error !== null} />
      <Text size="sm" component="span">
        <Moment at={step.startedAt} />
      </Text>
      <Text size="sm">{formatDuration(ms)}</Text>
      {step.tokensIn + step.tokensOut > 0 && (
        <Text size="sm">
          {messages.run.facts.tokens}: {formatCompact(step.tokensIn)} /{' '}
          {formatCompact(step.tokensOut)}
        </Text>
      )}
      {Number(step.cost) > 0 && (
        <Text size="sm">
          {messages.run.facts.cost}: <Cost value={step.cost} />
        </Text>
      )}
      <CachedFrom step={step} />
    </Group>
  );
}

/** The link to the step whose answer the cache gave, for a model and for a tool. */
function CachedFrom({ step: { kind, output, annotations } }: { step: Step }) {
  const details = kind === 'model' ? output : annotations;
  const from = isJsonObject(details) ? details.cached_from : undefined;
  if (!isJsonObject(from)) return null;
  return (
    <Anchor component={Link} href={`/runs/${from.execution_id}/${from.seq}`} size="sm">
      {text.fromCache}
    </Anchor>
  );
}

/** The message of an error, and the command that explains its code. */
export function ErrorText({ error }: { error: JsonObject }) {
  const { code, message } = error;
  return (
    <>
      <Text size="sm" className="user-text">
        {typeof message === 'string' ? message : ''}
      </Text>
      {typeof code === 'string' && (
        <Text size="sm" mb={6}>
          {text.whatToDo}: <Code>{text.explain(code)}</Code>
        </Text>
      )}
    </>
  );
}

function StepOrigin({ step }: { step: Step }) {
  const facts = [
    [text.effect, step.effect],
    [text.key, step.idempotencyKey],
    [text.worker, step.worker],
  ].filter(([, value]) => value !== null);
  return facts.map(([name, value]) => (
    <Text key={name} size="xs" c="dimmed" className="user-text">
      {name}: {value}
    </Text>
  ));
}

type PartProps = { title: string; value: Json | undefined; children?: ReactNode };

/** A value with its title; nothing if it is empty. */
export function Part({ title, value, children }: PartProps) {
  if (isEmptyValue(value)) return null;
  return (
    <div>
      <Title order={3} size="h6" mb={4}>
        {title}
      </Title>
      {children}
      <ValueView value={value ?? null} label={title} />
    </div>
  );
}
