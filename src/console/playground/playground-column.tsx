import { ActionIcon, Group, Paper, Text } from '@mantine/core';
import { X } from 'lucide-react';
import { useEffect } from 'react';
import { AnswerFooter } from '../answers/answer-footer.tsx';
import { AnswerView } from '../answers/answer-view.tsx';
import { copyStart } from '../answers/copy-start.ts';
import { useRunAnswer } from '../answers/use-run-answer.ts';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { nameOfRun } from '../runs/run-name.ts';
import { apiUrl } from '../server/base-path.ts';
import type { Failure } from '../server/failure.ts';
import { ColumnForm } from './column-form.tsx';
import { type Column, overridesOf } from './columns.ts';
import type { TellQuestion } from './use-first-question.ts';

const text = messages.playground;

type ColumnProps = {
  place: number;
  column: Column;
  /** The newest message, for the requests that are copied. */
  message: string;
  /** Why the run could not start. */
  failure: Failure | undefined;
  /** The open question that is answered in this column. */
  questionId: string | undefined;
  tellQuestion: TellQuestion;
  change(next: Partial<Column>): void;
  remove: (() => void) | undefined;
  /** While a message is sent, the columns keep their places. */
  isSending: boolean;
};

/** A column: what runs, and its answer as it is written. */
export function PlaygroundColumn(props: ColumnProps) {
  const { place, column, message, failure, questionId, tellQuestion, change, remove } = props;
  return (
    <Paper
      withBorder
      radius="md"
      p="sm"
      component="section"
      className="playground-column"
      aria-label={text.column(place)}
    >
      <Group justify="space-between" gap="xs" mb="xs" wrap="nowrap">
        <Text size="xs" fw={600} c="dimmed">
          {text.column(place)}
        </Text>
        <Group gap={4} wrap="nowrap">
          <CopyAs
            forms={copyStart(
              {
                ...{ agent: column.agent, workflow: column.workflow },
                message: message || text.exampleMessage,
                ...{ version: column.version, overrides: overridesOf(column) },
              },
              apiUrl('/'),
            )}
          />
          {remove && (
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={text.remove(place)}
              onClick={remove}
              disabled={props.isSending}
            >
              <X size={16} aria-hidden />
            </ActionIcon>
          )}
        </Group>
      </Group>
      <ColumnForm column={column} change={change} />
      {failure && <FailureAlert failure={failure} />}
      {column.run !== '' && (
        <ColumnAnswer
          key={column.run}
          id={column.run}
          place={place}
          questionId={questionId}
          tellQuestion={tellQuestion}
        />
      )}
    </Paper>
  );
}

type AnswerProps = Pick<ColumnProps, 'place' | 'questionId' | 'tellQuestion'> & { id: string };

function ColumnAnswer({ id, place, questionId, tellQuestion }: AnswerProps) {
  const { run, answer, question, isMissing, failure, restart } = useRunAnswer(id);
  useEffect(() => {
    tellQuestion(place, question);
    return () => tellQuestion(place, undefined);
  }, [tellQuestion, place, question]);
  return (
    <div className="playground-answer">
      {failure && <FailureAlert failure={failure} onRetry={restart} />}
      {run && (
        <article aria-label={nameOfRun(run)} aria-busy={run.completedAt === null}>
          <p className="answer-text playground-message">{run.input}</p>
          <AnswerView run={run} answer={answer} questionId={questionId} />
          <AnswerFooter run={run} reload={restart} />
        </article>
      )}
      {isMissing && <Text size="sm">{messages.run.notFound}</Text>}
    </div>
  );
}
