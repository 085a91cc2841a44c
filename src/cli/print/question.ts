import { isAnyWorkerAlive } from '../../db/queries/queries.ts';
import type { Answered, Question } from '../../db/queries/questions.ts';
import type { Json } from '../../json/json.ts';
import type { Api } from '../backend/connect.ts';
import { type CliDatabase, withDatabase } from '../backend/database.ts';
import { type CliIo, printJson } from '../output/output.ts';
import { plainText } from '../output/terminal-text.ts';
import { previewLines } from './preview.ts';

/** A question as lines of talk: what is asked, what may be answered, and how. */
export function questionLines(question: Question): string[] {
  const { id, kind, prompt, options, schema, preview } = question;
  const choices = Array.isArray(options) && kind !== 'approval' ? options.join(', ') : undefined;
  return [
    `waits for a person: ${plainText(prompt)}`,
    ...(preview ? previewLines(preview) : []),
    ...(choices ? [`  options: ${plainText(choices)}`] : []),
    ...(schema && kind === 'question' ? [`  to satisfy: ${JSON.stringify(schema)}`] : []),
    ...(kind === 'approval'
      ? [`  howdah approve ${id}`, `  howdah reject ${id} --reason TEXT`]
      : [`  howdah answer ${id} TEXT`]),
  ];
}

/** Answers a question over REST and tells how it stands now. */
export async function settleOverApi(
  io: CliIo,
  api: Api,
  id: string,
  body: { answer: Json; data?: Json },
): Promise<void> {
  const question = await api.call('answerQuestion', { params: { id }, body });
  if (io.json) return printJson(io, question);
  io.out(`${question.id} ${question.status}`);
  io.err(`The run goes on. See it: howdah watch ${question.root_execution_id}`);
}

/** Does what answers a question and tells how it stands now. */
export async function settle(
  io: CliIo,
  work: (database: CliDatabase) => Promise<Answered>,
): Promise<void> {
  await withDatabase(io, async (database) => {
    const question = await work(database);
    if (io.json) {
      return printJson(io, question);
    }
    io.out(`${question.id} ${question.status}`);
    io.err(`The run goes on. See it: howdah watch ${question.root_execution_id}`);
    if (!(await isAnyWorkerAlive(database.db))) {
      io.err('No worker is running. Start one: howdah worker');
    }
  });
}
