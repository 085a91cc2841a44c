import { Text } from '@mantine/core';
import { AnswerFooter } from '../answers/answer-footer.tsx';
import { AnswerView } from '../answers/answer-view.tsx';
import type { Answer } from '../answers/answers.ts';
import { messages } from '../messages/messages.ts';
import { nameOfRun } from '../runs/run-name.ts';
import type { AnswerRun } from '../server/operations.generated.ts';
import { type FileNames, FilesOf } from '../values/files-of.tsx';

type TurnViewProps = {
  run: AnswerRun;
  answer: Answer | undefined;
  files: FileNames;
  questionId: string | undefined;
  reload(): void;
};

/** A turn: what a person said, and the answer. */
export function TurnView({ run, answer, files, questionId, reload }: TurnViewProps) {
  const name = nameOfRun(run);
  return (
    <>
      <article className="turn-user" aria-label={messages.chat.you}>
        {run.input !== '' && <p className="answer-text">{run.input}</p>}
        <FilesOf parts={run.inputParts} names={files} />
      </article>
      <article className="turn-answer" aria-label={name} aria-busy={run.completedAt === null}>
        <Text size="xs" fw={600} c="dimmed" className="user-text">
          {name}
        </Text>
        <AnswerView run={run} answer={answer} questionId={questionId} />
        <AnswerFooter run={run} reload={reload} />
      </article>
    </>
  );
}
