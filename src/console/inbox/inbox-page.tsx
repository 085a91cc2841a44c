import { Group, Loader, Paper, Text } from '@mantine/core';
import { useHotkeys, useMediaQuery } from '@mantine/hooks';
import { useEffect } from 'react';
import { Link, useLocation } from 'wouter';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { useOpenProposals } from '../server/waiting/open-proposals.tsx';
import { askerOf, useOpenQuestions } from '../server/waiting/open-questions.tsx';
import { questionLine } from '../values/approval-words.ts';
import { ProposalPanel } from './proposals/proposal-panel.tsx';
import { QuestionPanel } from './question-panel.tsx';

const text = messages.inbox;

/** An entry of the inbox, which waits for a person. */
type Entry = {
  kind: 'question' | 'proposal';
  id: string;
};

/** An entry as the list shows it. */
type EntryLine = Entry & { path: string; what: string; asker: string; words: string; at: string };

/**
 * The inbox: what waits for a person, the newest first. `/inbox/ID` opens exactly one question, and
 * `/inbox/proposals/ID` one proposed memory.
 */
export function InboxPage({ entry }: { entry: Entry | undefined }) {
  const { lines, isLoading, failures } = useWaiting();
  useLineKeys(lines, entry);
  useFirstEntry(lines[0]?.path, entry === undefined);
  const isEmpty = lines.length === 0 && !isLoading && failures.length === 0;
  return (
    <>
      <PageTitle
        title={text.title}
        table={entry?.kind === 'proposal' ? 'howdah.memories' : 'howdah.questions'}
      />
      {failures.map((failure) => (
        <FailureAlert key={failure.code} failure={failure} />
      ))}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      <div className="inbox" data-selected={entry !== undefined || undefined}>
        <div className="inbox-list">
          {isEmpty && <Empty />}
          {lines.length > 0 && (
            <Paper
              withBorder
              radius="md"
              className="table-frame"
              component="nav"
              aria-label={text.title}
            >
              {lines.map((line) => (
                <Line key={line.path} line={line} isSelected={line.id === entry?.id} />
              ))}
            </Paper>
          )}
        </div>
        {entry?.kind === 'question' && <QuestionPanel key={entry.id} id={entry.id} />}
        {entry?.kind === 'proposal' && <ProposalPanel key={entry.id} id={entry.id} />}
      </div>
    </>
  );
}

/**
 * Opens the newest entry where it has room beside the list. It is then that of the URL, so that an
 * entry which arrives meanwhile does not take its place under the hand of the person.
 */
function useFirstEntry(path: string | undefined, isNeeded: boolean): void {
  const [, navigate] = useLocation();
  const hasRoom = useMediaQuery('(min-width: 62em)');
  const next = isNeeded && hasRoom ? path : undefined;
  useEffect(() => {
    if (next !== undefined) navigate(next, { replace: true });
  }, [next, navigate]);
}

/** J and K go to the next and the previous entry, so that the inbox needs no mouse. */
function useLineKeys(lines: readonly EntryLine[], entry: Entry | undefined): void {
  const [, navigate] = useLocation();
  const move = (step: number) => {
    const at = lines.findIndex(({ id }) => id === entry?.id);
    const next = lines[at < 0 ? 0 : Math.min(lines.length - 1, Math.max(0, at + step))];
    if (next && next.id !== entry?.id) navigate(next.path);
  };
  useHotkeys([
    ['J', () => move(1)],
    ['K', () => move(-1)],
  ]);
}

/** Returns the open questions and proposals, the newest first. */
function useWaiting() {
  const asked = useOpenQuestions();
  const proposed = useOpenProposals();
  const lines: EntryLine[] = [
    ...asked.questions.map((question) => ({
      ...{ kind: 'question' as const, id: question.id, path: `/inbox/${question.id}` },
      ...{ what: text.kinds[question.kind], asker: askerOf(question) },
      ...{ words: questionLine(question.prompt), at: question.createdAt },
    })),
    ...proposed.proposals.map(({ id, kind, agent, content, proposedAt }) => ({
      ...{ kind: 'proposal' as const, id, path: `/inbox/proposals/${id}` },
      ...{ what: text.proposals.kind(kind), asker: agent, words: content, at: proposedAt },
    })),
  ];
  return {
    lines: lines.sort((a, b) => Date.parse(b.at) - Date.parse(a.at)),
    isLoading: asked.isLoading || proposed.isLoading,
    failures: [asked.failure, proposed.failure].filter((one) => one !== undefined),
  };
}

function Empty() {
  return (
    <Paper withBorder radius="md" p="xl" ta="center">
      <Text>{text.empty}</Text>
      <Text size="sm" c="dimmed">
        {text.emptyHint}
      </Text>
    </Paper>
  );
}

function Line({ line, isSelected }: { line: EntryLine; isSelected: boolean }) {
  return (
    <Link
      href={line.path}
      className="inbox-line"
      data-selected={isSelected || undefined}
      aria-current={isSelected ? 'true' : undefined}
    >
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text size="xs" c="dimmed" truncate>
          {line.what} · {line.asker}
        </Text>
        <Text size="xs" c="dimmed" component="span">
          <Moment at={line.at} isPlain />
        </Text>
      </Group>
      <Text size="sm" lineClamp={2} className="user-text">
        {line.words}
      </Text>
    </Link>
  );
}
