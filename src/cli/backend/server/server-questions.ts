import type { Question } from '../../../client/operations.generated.ts';
import { HowdahError } from '../../../contracts/errors.ts';
import { onlyOpenQuestion } from '../../input/resolve-question.ts';
import type { ListedQuestion } from '../../print/question.ts';
import type { QuestionBackend } from '../backend.ts';
import type { Api } from '../connect-server.ts';
import { withDates } from '../with-dates.ts';
import { untilLeft } from './until-left.ts';

/** Creates the `QuestionBackend` of a server. */
export function createServerQuestions(api: Api): QuestionBackend {
  const answer = async (name: string, body: { answer: unknown; data?: unknown }) =>
    api.call('answerQuestion', { params: { id: await idOf(api, name) }, body });
  return {
    async list({ isOpen, limit }) {
      const { data } = await api.call('listQuestions', {
        query: { limit, ...(isOpen && { status: 'open' }) },
      });
      return { items: data, rows: data.map(listedQuestion) };
    },
    async *followList(first, signal) {
      for await (const event of untilLeft(api, api.questionsFeed({ first }), signal)) {
        if (event.type === 'synced') continue;
        const item = event.type === 'changed' ? event.row : undefined;
        yield { id: event.id, item, row: item && listedQuestion(item) };
      }
    },
    answer: (id, text, data) => answer(id, { answer: text, ...(data !== undefined && { data }) }),
    async approve(id, { remember, args }) {
      if (remember !== undefined) throw rememberNeedsDatabase();
      return answer(id, { answer: 'approve', ...(args !== undefined && { data: args }) });
    },
    reject: (id, reason) => answer(id, { answer: 'reject', data: reason }),
  };
}

/** Returns a question as a list prints it. REST returns the run, and not its agent. */
function listedQuestion(question: Question): ListedQuestion {
  const row = { ...withDates(question), run: question.root_execution_id };
  return row as unknown as ListedQuestion;
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
