import { connect } from '../../client/connect.ts';
import type { Server } from '../backend/profile-file.ts';
import { exitCodeFor, exitCodes, reportOf } from '../output/exit-codes.ts';
import type { Status } from './status.ts';

/** The size of a page that is fetched to be counted. */
const MOST = 50;
const DAY_MS = 86_400_000;

/** Reads the state of a server of `howdah admin login` over REST, as far as its key may see it. */
export async function probeServer(
  status: Status,
  { url, token, profile }: Server,
  signal: AbortSignal,
): Promise<void> {
  status.server = { url, profile: profile ?? null, state: 'unreachable' };
  const { call } = connect(url, { signal, ...(token !== undefined && { token }) });
  const listRuns = (statuses: string) =>
    call('listExecutions', { query: { limit: MOST, status: statuses, is_root: 'true' } });
  try {
    const [questions, live, failed] = await Promise.all([
      call('listQuestions', { query: { limit: MOST, status: 'open' } }),
      listRuns('queued,running,waiting,paused'),
      listRuns('failed'),
    ]);
    status.server.state = 'ready';
    const [question] = questions.data;
    status.questions = {
      open: questions.data.length,
      newest: question ? { id: question.id, kind: question.kind, prompt: question.prompt } : null,
    };
    const those = (state: string) => live.data.filter((run) => run.status === state).length;
    const recent = failed.data.filter((run) => Date.now() - Date.parse(run.created_at) < DAY_MS);
    status.runs = {
      ...{ queued: those('queued'), running: those('running') },
      ...{ waiting: those('waiting'), paused: those('paused') },
      ...{ failed: recent.length, newest_failed: recent[0]?.id ?? null },
      ...{ agent: live.data[0]?.agent ?? failed.data[0]?.agent ?? null, has_llm: null },
    };
  } catch (error) {
    const { code, message } = reportOf(error);
    status.problem = message;
    if (exitCodeFor(code) === exitCodes.notAllowed) status.server.state = 'refused';
  }
}
