import type { Question } from '../../db/queries/questions.ts';
import { plainText } from '../output/terminal-text.ts';
import { previewLines } from './preview.ts';

/** A question as a list prints it. The agent is known only in a database. */
export type ListedQuestion = Pick<Question, 'id' | 'kind' | 'prompt' | 'preview'> & {
  run: string;
  agent?: string | null;
  status: string;
  answer: string | null;
  created_at: Date;
};

/**
 * Formats a question as lines of talk: the prompt, the possible answers, and the commands to
 * answer.
 */
export function questionLines(question: Question): string[] {
  const { kind, prompt, options, schema, preview } = question;
  const choices = Array.isArray(options) && kind !== 'approval' ? options.join(', ') : undefined;
  return [
    `waits for a person: ${plainText(prompt)}`,
    ...(preview ? previewLines(preview) : []),
    ...(choices ? [`  options: ${plainText(choices)}`] : []),
    ...(schema && kind === 'question' ? [`  schema of the answer: ${JSON.stringify(schema)}`] : []),
    ...answerCommands(question),
  ];
}

/** Formats the commands that answer a question. */
export function answerCommands({ id, kind }: Pick<Question, 'id' | 'kind'>): string[] {
  return kind === 'approval'
    ? [`  howdah approve ${id}`, `  howdah reject ${id} --reason TEXT`]
    : [`  howdah answer ${id} TEXT`];
}
