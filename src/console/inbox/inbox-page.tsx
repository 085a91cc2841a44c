import { Group, Loader, Paper, Text } from '@mantine/core';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { Moment } from '../parts/moment.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { askerOf, useOpenQuestions } from '../server/open-questions.tsx';
import type { QuestionLine } from '../server/operations.generated.ts';
import { QuestionPanel } from './question-panel.tsx';

const text = messages.inbox;

/** The inbox: what waits for a person, the newest first. `/inbox/ID` opens exactly one. */
export function InboxPage({ id }: { id: string | undefined }) {
  const { questions, isLoading, failure } = useOpenQuestions();
  const isEmpty = questions.length === 0 && !isLoading && !failure;
  return (
    <>
      <PageTitle title={text.title} table="howdah.questions" />
      {failure && <FailureAlert failure={failure} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      <div className="inbox" data-selected={id !== undefined || undefined}>
        <div className="inbox-list">
          {isEmpty && <Empty />}
          {questions.length > 0 && (
            <Paper
              withBorder
              radius="md"
              className="table-frame"
              component="nav"
              aria-label={text.title}
            >
              {questions.map((question) => (
                <Line key={question.id} question={question} isSelected={question.id === id} />
              ))}
            </Paper>
          )}
        </div>
        {id !== undefined && <QuestionPanel key={id} id={id} />}
        {id === undefined && questions.length > 0 && (
          <Text size="sm" c="dimmed" visibleFrom="md">
            {text.select}
          </Text>
        )}
      </div>
    </>
  );
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

function Line({ question, isSelected }: { question: QuestionLine; isSelected: boolean }) {
  return (
    <Link
      href={`/inbox/${question.id}`}
      className="inbox-line"
      data-selected={isSelected || undefined}
      aria-current={isSelected ? 'true' : undefined}
    >
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Text size="xs" c="dimmed" truncate>
          {text.kinds[question.kind]} · {askerOf(question)}
        </Text>
        <Text size="xs" c="dimmed" component="span">
          <Moment at={question.createdAt} isPlain />
        </Text>
      </Group>
      <Text size="sm" lineClamp={2} className="user-text">
        {question.prompt}
      </Text>
    </Link>
  );
}
