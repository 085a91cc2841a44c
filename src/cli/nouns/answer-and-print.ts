import type { Command } from 'commander';
import type { AnsweredQuestion } from '../../db/queries/questions.ts';
import type { QuestionBackend } from '../backend/backend.ts';
import { withBackend } from '../backend/with-backend.ts';
import { type CliIo, printJson } from '../output/output.ts';

/** Runs `answer`, which answers a question, and prints the new status of the question. */
export async function answerAndPrint(
  io: CliIo,
  self: Command,
  answer: (questions: QuestionBackend) => Promise<AnsweredQuestion>,
): Promise<void> {
  await withBackend(io, self, {}, async ({ questions, isAnyWorkerAlive }) => {
    const question = await answer(questions);
    if (io.json) return printJson(io, question);
    io.out(`${question.id} ${question.status}`);
    io.err(`The run continues. Follow it: howdah watch ${question.root_execution_id}`);
    if (!(await isAnyWorkerAlive())) io.err('No worker is running. Start one: howdah worker');
  });
}
