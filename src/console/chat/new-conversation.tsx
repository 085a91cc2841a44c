import { Text, Title } from '@mantine/core';
import { useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { ToolChoice } from '../answers/tool-choice.tsx';
import { messages } from '../messages/messages.ts';
import type { KnownNames } from '../runs/run-filter.ts';
import { useKnownNames } from '../runs/use-runs.ts';
import { request } from '../server/graphql.ts';
import { startConversation } from '../server/operations.generated.ts';
import { AgentChoice, type Subject } from './agent-choice.tsx';
import { Composer } from './composer.tsx';
import { sendMessage } from './send-message.ts';

const text = messages.chat;
const MAX_TITLE = 80;

/** A conversation that has no message yet. The first message makes its session. */
export function NewConversation() {
  const [, navigate] = useLocation();
  const names = useKnownNames();
  const search = new URLSearchParams(useSearch());
  const [chosen, setChosen] = useState<Subject>();
  const [allowed, setAllowed] = useState<readonly string[]>();
  const session = useRef<{ id: string; subject: Subject }>(undefined);
  const subject = chosen ?? firstSubject(names, search);
  const send = async (content: string, files: readonly File[], key: string) => {
    if (!subject) return;
    if (!isSame(session.current?.subject, subject)) {
      const id = await start(subject, titleOf(content));
      session.current = { id, subject };
    }
    const { id = '' } = session.current ?? {};
    await sendMessage({ session: id, subject, content, files, allowed, key });
    navigate(`/chat/${id}`);
  };
  return (
    <section className="conversation" aria-label={text.conversation}>
      <div className="turns new-conversation">
        <Title order={2} size="h4">
          {text.newTitle}
        </Title>
        <Text size="sm" c="dimmed">
          {text.newText}
        </Text>
        <AgentChoice
          subject={subject}
          label={text.agent}
          change={(next) => {
            setChosen(next);
            setAllowed(undefined);
          }}
        />
      </div>
      <Composer send={send} stop={undefined} isDisabled={!subject}>
        {subject?.kind === 'agent' && (
          <ToolChoice agent={subject.name} allowed={allowed} change={setAllowed} />
        )}
      </Composer>
    </section>
  );
}

/** Returns what the URL names, else the agent of development, else any agent. */
function firstSubject(names: KnownNames | undefined, search: URLSearchParams): Subject | undefined {
  const workflow = search.get('workflow');
  if (workflow !== null && names?.workflows.has(workflow)) {
    return { kind: 'workflow', name: workflow };
  }
  const agents = [...(names?.agents.keys() ?? [])];
  const named = agents.find((name) => name === search.get('agent'));
  const name = named ?? agents.find(isDevelopment) ?? agents[0];
  return name === undefined ? undefined : { kind: 'agent', name };
}

/** An agent and a workflow may have one name. */
const isSame = (one: Subject | undefined, other: Subject) =>
  one?.kind === other.kind && one.name === other.name;

const isDevelopment = (name: string) => name === 'development';

async function start(subject: Subject, title: string): Promise<string> {
  const { startSession } = await request(startConversation, {
    [subject.kind]: subject.name,
    title,
  });
  return startSession?.result?.id ?? '';
}

/** The title of a conversation: the beginning of its first message, on one line. */
function titleOf(content: string): string {
  const line = content.trim().replaceAll(/\s+/g, ' ');
  return line.length <= MAX_TITLE ? line : `${line.slice(0, MAX_TITLE - 1)}…`;
}
