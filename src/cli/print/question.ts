import type { Question } from '../../db/queries/questions.ts';
import { plainText } from '../output/terminal-text.ts';
import { previewLines } from './preview.ts';

/**
 * Formats a question as lines of talk: the prompt, the possible answers, and the commands to
 * answer.
 */
export function questionLines(question: Question): string[] {
  const { id, kind, prompt, options, schema, preview } = question;
  const choices = Array.isArray(options) && kind !== 'approval' ? options.join(', ') : undefined;
  return [
    `waits for a person: ${plainText(prompt)}`,
    ...(preview ? previewLines(preview) : []),
    ...(choices ? [`  options: ${plainText(choices)}`] : []),
    ...(schema && kind === 'question' ? [`  schema of the answer: ${JSON.stringify(schema)}`] : []),
    ...(kind === 'approval'
      ? [`  howdah approve ${id}`, `  howdah reject ${id} --reason TEXT`]
      : [`  howdah answer ${id} TEXT`]),
  ];
}
