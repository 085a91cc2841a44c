import { Anchor, Button, Group, Loader, Text } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { Link } from 'wouter';
import { openQuestionsOf } from '../answers/answer-view.tsx';
import type { Answers } from '../answers/answers.ts';
import { ToolChoice } from '../answers/tool-choice.tsx';
import { useAnswers } from '../answers/use-answers.ts';
import { useSend } from '../inbox/use-send.ts';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { type Failure, toFailure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import { useMayWrite } from '../server/me.tsx';
import {
  type AnswerRun,
  cancelRun,
  type OneSession,
  oneSession,
  sessionAnswers,
  switchAgent,
} from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { AgentChoice, type Subject, subjectOf } from './agent-choice.tsx';
import { Composer } from './composer.tsx';
import { copySession } from './copy-session.ts';
import { sendMessage } from './send-message.ts';
import { TurnView } from './turn-view.tsx';
import { useStickyEnd } from './use-sticky-end.ts';
import { type Turns, useTurns } from './use-turns.ts';

const text = messages.chat;

/** A conversation: its turns with their answers as they are written, and the next message. */
export function Conversation({ id }: { id: string }) {
  const { data, failure, reload } = useAnswer(oneSession, { id });
  const session = data?.session;
  if (session) return <Loaded session={session} failure={failure} reload={reload} />;
  return (
    <div className="conversation">
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!failure && data && <Text size="sm">{text.notFound}</Text>}
      {!failure && !data && <Loader size="sm" aria-label={messages.common.loading} />}
    </div>
  );
}

type Session = NonNullable<OneSession['session']>;
type LoadedProps = { session: Session; failure: Failure | undefined; reload(): void };

function Loaded({ session, failure, reload }: LoadedProps) {
  const { id } = session;
  const turns = useTurns(id);
  const { answers, failure: lost, restart } = useSessionAnswers(id, turns);
  const [allowed, setAllowed] = useState<readonly string[]>();
  const { subject, change, settled, failure: switchFailure } = useSubject(session, reload);
  const send = async (content: string, files: readonly File[], key: string) => {
    await settled();
    if (!subject) return;
    await sendMessage({ session: id, subject, content, files, allowed, key });
    if (files.length > 0) reload();
    await turns.reload();
  };
  const live = turns.turns?.find((one) => one.completedAt === null);
  const stopping = useSend(() => void turns.reload());
  const stop = live && (() => stopping.send(cancelRun, { id: live.id }));
  const follow = () => {
    restart();
    void turns.reload();
  };
  return (
    <section className="conversation" aria-label={text.conversation}>
      <Head
        session={session}
        subject={subject}
        change={(next) => {
          setAllowed(undefined);
          change(next);
        }}
      />
      <Failures
        actions={[switchFailure, live && stopping.failure]}
        reads={[
          [failure, reload],
          [turns.failure, turns.retry],
          [lost, follow],
        ]}
      />
      <TurnList turns={turns} answers={answers} session={session} />
      <Composer send={send} stop={stop} isStopping={stopping.isBusy} isDisabled={!subject}>
        {subject?.kind === 'agent' && (
          <ToolChoice agent={subject.name} allowed={allowed} change={setAllowed} />
        )}
      </Composer>
    </section>
  );
}

type FailuresProps = {
  /** Failures of what a person did, who does it again. */
  actions: readonly (Failure | undefined)[];
  /** Failures of what was read, with what reads it again. */
  reads: readonly (readonly [Failure | undefined, () => void])[];
};

/** The failures of actions, and the first of what was read. */
function Failures({ actions, reads }: FailuresProps) {
  const [failure, retry] = reads.find(([one]) => one) ?? [];
  return (
    <>
      {actions.map((one, index) => one && <FailureAlert key={index} failure={one} />)}
      {failure && retry && <FailureAlert failure={failure} onRetry={retry} />}
    </>
  );
}

/** Chooses who answers next. A message sent right after a switch goes to the new agent. */
function useSubject(session: Session, reload: () => void) {
  const [chosen, setChosen] = useState<Subject>();
  const [failure, setFailure] = useState<Failure>();
  const pending = useRef<Promise<Failure | undefined>>(Promise.resolve(undefined));
  const change = (next: Subject) => {
    setChosen(next);
    setFailure(undefined);
    const sent = pending.current
      .then(() => request(switchAgent, { id: session.id, [next.kind]: next.name }))
      .then(
        () => {
          reload();
          return undefined;
        },
        (error: unknown) => {
          if (pending.current === sent) {
            setFailure(toFailure(error));
            setChosen(undefined);
            pending.current = Promise.resolve(undefined);
          }
          return toFailure(error);
        },
      );
    pending.current = sent;
  };
  /** Waits for a switch. Throws if it fails, so that no message goes to another agent. */
  const settled = async () => {
    const failed = await pending.current;
    if (failed) throw failed;
  };
  return { subject: chosen ?? subjectOf(session), change, settled, failure };
}

/** Follows the answers from the first turn that is shown. Reads turns that began elsewhere. */
function useSessionAnswers(id: string, { turns, reload }: Turns) {
  const first = turns && (turns[0]?.turn ?? 1);
  const live = useAnswers(sessionAnswers, id, {
    from: first === undefined ? undefined : `${first}.0.0`,
    eventOf: ({ sessionEvents }) => sessionEvents,
    onNews: () => void reload(),
  });
  const known = new Set(turns?.map((one) => one.id));
  const unknown = [...live.answers.keys()].filter((one) => !known.has(one)).join();
  useEffect(() => {
    if (unknown !== '') void reload();
  }, [unknown, reload]);
  return live;
}

type HeadProps = {
  session: Session;
  subject: Subject | undefined;
  change(subject: Subject): void;
};

function Head({ session, subject, change }: HeadProps) {
  return (
    <Group justify="space-between" gap="xs" className="conversation-head">
      <div className="conversation-title">
        <Text size="sm" fw={600} truncate className="user-text">
          {session.title ?? text.untitled}
        </Text>
        <Group gap="sm">
          <Anchor component={Link} href={`/runs?session=${session.id}`} size="xs">
            {text.runs}
          </Anchor>
          {session.forkedFromSessionId && (
            <Anchor component={Link} href={`/chat/${session.forkedFromSessionId}`} size="xs">
              {text.forked(session.forkedFromTurn ?? 0)}
            </Anchor>
          )}
        </Group>
      </div>
      <Group gap="xs">
        <AgentChoice subject={subject} change={change} isDisabled={!useMayWrite('sessions')} />
        <CopyAs forms={copySession(session.id, subject?.name ?? '')} />
      </Group>
    </Group>
  );
}

type TurnListProps = { turns: Turns; answers: Answers; session: Session };

function TurnList({
  turns: { turns, hasEarlier, loadEarlier, reload },
  answers,
  session,
}: TurnListProps) {
  const frame = useRef<HTMLDivElement>(null);
  useStickyEnd(frame);
  const files = new Map(
    session.resources.nodes.flatMap((one) => (one ? [[one.id, one.name]] : [])),
  );
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolled area needs the keyboard
    <div ref={frame} className="turns" role="log" aria-label={text.turns} tabIndex={0}>
      {!turns && <Loader size="sm" aria-label={messages.common.loading} />}
      {hasEarlier && (
        <Button size="xs" variant="default" onClick={() => void loadEarlier()}>
          {text.earlier}
        </Button>
      )}
      {turns?.length === 0 && <Text c="dimmed">{text.empty}</Text>}
      {turns?.map((run) => (
        <TurnView
          key={run.id}
          run={run}
          answer={answers.get(run.id)}
          files={files}
          questionId={firstQuestion(turns)}
          reload={() => void reload()}
        />
      ))}
    </div>
  );
}

/** One question is answered at a time, because the keys of its form act on the whole page. */
function firstQuestion(turns: readonly AnswerRun[]): string | undefined {
  return turns.flatMap(openQuestionsOf)[0];
}
