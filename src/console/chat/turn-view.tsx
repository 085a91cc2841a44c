import { Pill, Text } from '@mantine/core';
import { isJsonObject, type Json } from '../../json/json.ts';
import { AnswerFooter } from '../answers/answer-footer.tsx';
import { AnswerView } from '../answers/answer-view.tsx';
import type { Answer } from '../answers/answers.ts';
import { messages } from '../messages/messages.ts';
import { nameOfRun } from '../runs/run-name.ts';
import type { AnswerRun } from '../server/operations.generated.ts';

/** The names of files by their id. */
export type FileNames = ReadonlyMap<string, string>;

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

/** The files of a message, by name. Nothing of them is loaded or shown. */
function FilesOf({ parts, names }: { parts: Json; names: FileNames }) {
  if (!Array.isArray(parts) || parts.length === 0) return null;
  return (
    <Pill.Group mt={4}>
      {parts.map((part, index) => (
        <Pill key={index}>{nameOfPart(part, names)}</Pill>
      ))}
    </Pill.Group>
  );
}

function nameOfPart(part: Json, names: FileNames): string {
  if (!isJsonObject(part)) return messages.chat.file;
  const { type, resource_id: id, name, filename } = part;
  const known = typeof id === 'string' ? names.get(id) : undefined;
  const words = known ?? name ?? filename ?? type;
  return typeof words === 'string' ? words : messages.chat.file;
}
