import { HowdahError } from '../../../contracts/errors.ts';
import { onlyOpenQuestion } from '../../input/resolve-question.ts';
import type { ListedQuestion } from '../../print/question.ts';
import type { QuestionBackend } from '../backend.ts';
import type { Api } from '../connect.ts';
import { withDates } from './with-dates.ts';

/** Creates the `QuestionBackend` of a server. */
export function createServerQuestions(api: Api): QuestionBackend {
  const answer = async (name: string, body: { answer: unknown; data?: unknown }) =>
    api.call('answerQuestion', { params: { id: await idOf(api, name) }, body });
  return {
    async list({ isOpen, limit }) {
      const { data } = await api.call('listQuestions', {
        query: { limit, ...(isOpen && { status: 'open' }) },
      });
      // REST returns the run, and not its agent
      const rows = data.map((row) => ({ ...withDates(row), run: row.root_execution_id }));
      return { items: data, rows: rows as unknown as ListedQuestion[] };
    },
    answer: (id, text, data) => answer(id, { answer: text, ...(data !== undefined && { data }) }),
    async approve(id, { remember, args }) {
      if (remember !== undefined) throw rememberNeedsDatabase();
      return answer(id, { answer: 'approve', ...(args !== undefined && { data: args }) });
    },
    reject: (id, reason) => answer(id, { answer: 'reject', data: reason }),
  };
}

/** Returns the id of the question to answer. The id may be the id of its run. */
async function idOf(api: Api, id: string): Promise<string> {
  try {
    return (await api.call('getQuestion', { params: { id } })).id;
  } catch (error) {
    if (!isNotFound(error) || !(await isRun(api, id))) throw error;
  }
  const open = await Promise.all(
    [{ execution_id: id }, { root_execution_id: id }].map(async (run) => {
      const { data } = await api.call('listQuestions', { query: { ...run, status: 'open' } });
      return data.map((question) => question.id);
    }),
  );
  return onlyOpenQuestion(id, [...new Set(open.flat())].toSorted());
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

function rememberNeedsDatabase(): HowdahError {
  return new HowdahError('EUSAGE', '--remember needs a database, not an API', {
    hint: 'Name a database with --database-url, use the GraphQL mutation approve, or omit --remember.',
  });
}
