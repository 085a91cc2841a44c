import { Loader, Text } from '@mantine/core';
import { isJsonObject, type Json } from '../../json/json.ts';
import { QuestionPanel } from '../inbox/question-panel.tsx';
import { messages } from '../messages/messages.ts';
import { isEmptyValue, valueText } from '../parts/value-view.tsx';
import { ErrorText } from '../run/step-detail.tsx';
import type { AnswerRun } from '../server/operations.generated.ts';
import { questionLine } from '../values/approval-words.ts';
import { AnswerText } from './answer-text.tsx';
import { type Answer, NO_ANSWER, type Part } from './answers.ts';
import { ToolCall } from './tool-call.tsx';

const text = messages.answers;

type AnswerViewProps = {
  run: AnswerRun;
  answer: Answer | undefined;
  /** The one open question that is answered here, since keys of its form act on the page. */
  questionId: string | undefined;
};

/**
 * An answer: its texts, its calls in place, and what it asks a person. The Markdown of its texts is
 * formatted; all else is text, whatever a model or a tool wrote.
 */
export function AnswerView({ run, answer = NO_ANSWER, questionId }: AnswerViewProps) {
  const isLive = run.completedAt === null && !answer.hasEnded;
  // the row of a run may arrive before the step that replaces the draft
  const draft = run.completedAt === null ? answer.draft : undefined;
  const open = openQuestionsOf(run);
  const hasError = answer.parts.some(({ kind }) => kind === 'error');
  return (
    <div className="answer">
      {answer.parts
        .filter((part) => part.kind !== 'question' || part.id !== questionId)
        .map((part) => (
          <PartView key={part.key} part={part} isLive={isLive} />
        ))}
      {/* a log would read the draft out with each word; the step that replaces it is read once */}
      {draft && (
        <div aria-live="off">
          <AnswerText text={draft.text} isDraft />
        </div>
      )}
      <Rest run={run} parts={answer.parts} />
      {!hasError && isJsonObject(run.error) && run.status === 'failed' && (
        <div role="alert">
          <ErrorText error={run.error} />
        </div>
      )}
      {questionId !== undefined && open.includes(questionId) && (
        <QuestionPanel key={questionId} id={questionId} />
      )}
      {isLive && !draft && open.length === 0 && <Working run={run} />}
    </div>
  );
}

/** Returns the open questions of a run and of the runs below it. */
export function openQuestionsOf(run: AnswerRun): string[] {
  return run.treeQuestions.nodes.flatMap((one) => (one ? [one.id] : []));
}

function PartView({ part, isLive }: { part: Part; isLive: boolean }) {
  switch (part.kind) {
    case 'text':
      return <AnswerText text={part.content} />;
    case 'call':
      return <ToolCall call={part.call} isLive={isLive} />;
    case 'question':
      return (
        <Text size="sm" className="user-text answer-note">
          {text.asked}: {questionLine(part.prompt)}
        </Text>
      );
    case 'error':
      return (
        <div role="alert" className="answer-error">
          <ErrorText error={part.error} />
        </div>
      );
    case 'note':
      return (
        <Text size="xs" c="dimmed" className="user-text answer-note">
          {text.notes[part.name as keyof typeof text.notes] ?? part.name}
          {!isEmptyValue(part.value) && `: ${noteText(part.value)}`}
        </Text>
      );
  }
}

/** Length of a note, in UTF-16 units. The run has the whole value. */
const MAX_NOTED = 300;

/** The words of an answer or of an error, without the other fields. */
function noteText(value: Json): string {
  const { answer, message, content } = isJsonObject(value) ? value : {};
  return valueText(answer ?? message ?? content ?? value).slice(0, MAX_NOTED);
}

/** The output of a run that said it in no step of its own, such as that of a workflow. */
function Rest({ run, parts }: { run: AnswerRun; parts: readonly Part[] }) {
  const isSaid = parts.some((one) => one.kind === 'text' && one.content === run.output);
  if (run.completedAt === null || isEmptyValue(run.output) || isSaid) return null;
  return <AnswerText text={run.output ?? ''} />;
}

function Working({ run }: { run: AnswerRun }) {
  const reason = run.status === 'waiting' && run.waitingFor ? messages.waiting[run.waitingFor] : '';
  const isPaused = run.status === 'paused';
  return (
    <Text size="sm" c="dimmed" component="div" className="answer-working">
      {!isPaused && <Loader size={12} type="dots" color="gray" aria-hidden />}
      {`${messages.status[run.status]} ${reason}`.trim()}
    </Text>
  );
}
