import { isAnyWorkerAlive } from '../../db/queries/queries.ts';
import type { AnsweredQuestion } from '../../db/queries/questions.ts';
import type { Json } from '../../json/json.ts';
import { type CliIo, printJson } from '../output/output.ts';
import type { Api } from './connect.ts';
import { type CliDatabase, withDatabase } from './database.ts';

/** Answers a question over REST and prints its new status. */
export async function settleOverApi(
  io: CliIo,
  api: Api,
  id: string,
  body: { answer: Json; data?: Json },
): Promise<void> {
  const question = await api.call('answerQuestion', { params: { id }, body });
  if (io.json) return printJson(io, question);
  io.out(`${question.id} ${question.status}`);
  io.err(`The run continues. Follow it: howdah watch ${question.root_execution_id}`);
}

/** Runs `work`, which answers a question in the database, and prints its new status. */
export async function settle(
  io: CliIo,
  work: (database: CliDatabase) => Promise<AnsweredQuestion>,
): Promise<void> {
  await withDatabase(io, async (database) => {
    const question = await work(database);
    if (io.json) {
      return printJson(io, question);
    }
    io.out(`${question.id} ${question.status}`);
    io.err(`The run continues. Follow it: howdah watch ${question.root_execution_id}`);
    if (!(await isAnyWorkerAlive(database.db))) {
      io.err('No worker is running. Start one: howdah worker');
    }
  });
}
