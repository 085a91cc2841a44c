import type { Queries } from '../../../db/queries/queries.ts';
import {
  answerQuestion,
  approve,
  isThereQuestion,
  listQuestions,
  openQuestionsOf,
  reject,
} from '../../../db/queries/questions.ts';
import { noQuestion, onlyOpenQuestion } from '../../input/resolve-question.ts';
import type { ListedQuestion } from '../../print/question.ts';
import type { QuestionBackend } from '../backend.ts';
import type { CliDatabase } from '../with-database.ts';
import { followQuestions } from './follow-lists.ts';

/** Creates the `QuestionBackend` of a database. */
export function createDatabaseQuestions(
  database: CliDatabase,
  tenant: string | undefined,
): QuestionBackend {
  const { pool, db } = database;
  return {
    async list(filter) {
      const items = await listQuestions(db, filter);
      return { items, rows: items as unknown as ListedQuestion[] };
    },
    followList: (limit, signal) => followQuestions(database, tenant, limit, signal),
    answer: async (id, text, data) => answerQuestion(pool, await idOf(db, id), text, data),
    approve: async (id, { remember = null, args }) =>
      approve(pool, await idOf(db, id), remember, args),
    reject: async (id, reason) => reject(pool, await idOf(db, id), reason),
  };
}

/** Returns the id of the question to answer. The id may be the id of its run. */
async function idOf(db: Queries, id: string): Promise<string> {
  if (await isThereQuestion(db, id)) return id;
  const open = await openQuestionsOf(db, id);
  if (open) return onlyOpenQuestion(id, open);
  throw noQuestion(id);
}
