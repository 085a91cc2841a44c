import { HowdahError } from '../../contracts/errors.ts';
import type { Queries } from '../../db/queries/queries.ts';
import { isThereQuestion, openQuestionsOf } from '../../db/queries/questions.ts';
import type { Api } from '../backend/connect.ts';
import { requireQuestion } from './resolve-id.ts';
import { joinNames } from './resolve-tenant.ts';

/**
 * Returns the id of the question to answer. The input is its own id, or the id of a run that has
 * only one open question, with the runs below it. Throws `HWNTF`, `HWINV`.
 */
export async function questionIdFor(db: Queries, id: string): Promise<string> {
  if (await isThereQuestion(db, id)) return id;
  const open = await openQuestionsOf(db, id);
  return open ? only(id, open) : requireQuestion(db, id); // which throws that there is none
}

/** Returns the id of the question to answer, over REST. */
export async function questionIdOverApi(api: Api, id: string): Promise<string> {
  try {
    return (await api.call('getQuestion', { params: { id } })).id;
  } catch (error) {
    if (!isNotFound(error) || !(await isRun(api, id))) throw error;
  }
  const open = await Promise.all(
    [{ execution_id: id }, { root_execution_id: id }].map(async (of) => {
      const { data } = await api.call('listQuestions', { query: { ...of, status: 'open' } });
      return data.map((question) => question.id);
    }),
  );
  return only(id, [...new Set(open.flat())].toSorted());
}

async function isRun(api: Api, id: string): Promise<boolean> {
  try {
    await api.call('getExecution', { params: { id } });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

function isNotFound(error: unknown): boolean {
  return error instanceof HowdahError && error.code === 'HWNTF';
}

function only(run: string, open: readonly string[]): string {
  const [first, ...others] = open;
  if (first === undefined) {
    throw new HowdahError('HWNTF', `execution ${run} has no open question`, {
      hint: `Show what it waits for: howdah explain ${run}`,
      detail: { execution_id: run },
    });
  }
  if (others.length === 0) return first;
  throw new HowdahError('HWINV', `execution ${run} has more than one open question`, {
    hint: `Name the id of one: ${joinNames(open)}. List them: howdah questions`,
    detail: { execution_id: run, questions: [...open] },
  });
}
