import { retry } from '../../client/retry-request.ts';
import type { Api } from '../backend/connect.ts';
import { AGENTS } from '../backend/definitions.ts';
import { rowsOverRest } from '../backend/rows.ts';
import { createRunFollower, questionOf, type RunFollower } from '../backend/run-follower.ts';
import { createStepReader } from '../backend/step-reader.ts';
import type { ChatBackend } from './chat-backend.ts';

const SOON_MS = 3_000;

/**
 * Creates the backend of a conversation on a server, over REST and its streams. Requests that only
 * read are retried when the connection is lost.
 */
export function createServerBackend(
  connection: Api,
  { tokens, stop }: { tokens: boolean; stop: AbortSignal },
): ChatBackend {
  const api: Api = { ...connection, call: askingAgain(connection.call, stop) };
  const followed = new Map<string, RunFollower>();
  const sessionOf = (sid: string) => api.call('getSession', { params: { sid } });
  return {
    async open(agent, sid) {
      const { call } = connection;
      const session = sid
        ? await soon(() => call('switchAgent', { params: { sid }, body: { agent } }))
        : await call('startSession', { body: { agent } });
      return session.id;
    },
    async left(sid) {
      const { live_execution_id: run } = await sessionOf(sid);
      if (run === null) return undefined;
      const { awaiting_user_input: pending } = await api.call('getSessionState', {
        params: { sid },
      });
      if (typeof pending?.question_id !== 'string') return undefined;
      const question = await api.call('getQuestion', { params: { id: pending.question_id } });
      return { run, question: questionOf(question) };
    },
    async say(session, text) {
      const { execution_id: run, events } = await api.session(session).speak(text);
      if (followed.has(run)) await events.return();
      else followed.set(run, createRunFollower(api, run, 0, events));
      return run;
    },
    async fork({ session, turn }, text) {
      const started = await api.session(session).speak(text, { fork: turn });
      const { session_id, execution_id: run, events } = started;
      followed.set(run, createRunFollower(api, run, 0, events));
      return { session: session_id, run };
    },
    async answer(run, { id, kind }, line) {
      const following = followed.get(run) ?? createRunFollower(api, run, 0);
      followed.set(run, following);
      await following.started(); // otherwise the first pieces after it are lost
      const [, reason] = /^\s*reject\s+(.+)$/is.exec(line) ?? [];
      const isRejected = kind === 'approval' && reason;
      const body = isRejected ? { answer: 'reject', data: reason } : { answer: line };
      const params = { id };
      let isSent = false;
      await retry(async () => {
        if (isSent && (await connection.call('getQuestion', { params })).status !== 'open') return;
        isSent = true;
        await connection.call('answerQuestion', { params, body });
      }, stop);
    },
    async *follow(run, after, signal) {
      const following = followed.get(run) ?? createRunFollower(api, run, after);
      followed.set(run, following);
      for await (const item of following.tell(signal)) {
        if (item.type === 'end') followed.delete(run);
        if (tokens || item.type !== 'token') yield item;
      }
    },
    async cancel(run) {
      await soon(() => connection.cancel(run)).catch((error) => {
        if (error.code !== 'HWTRM') throw error;
      });
    },
    turns: async (session) => (await sessionOf(session)).turns,
    async said(sid, limit) {
      return (await api.call('getSessionHistory', { params: { sid }, query: { limit } })).data;
    },
    usage: (sid) => api.call('getSessionUsage', { params: { sid } }),
    async agents() {
      const rows = await rowsOverRest(api, AGENTS);
      return rows.map(({ id, name, version, is_active, description, model, tools }) => {
        const count = Array.isArray(tools) ? tools.length : 0;
        return { id, name, version, is_active, description, model, tools: count };
      });
    },
    steps: (run) => createStepReader(api, run).read(0),
  };
}

/**
 * Retries a request only for a short time, because somebody waits for it and sees nothing
 * meanwhile.
 */
function soon<T>(ask: () => Promise<T>): Promise<T> {
  return retry(ask, AbortSignal.timeout(SOON_MS));
}

function askingAgain(call: Api['call'], stop: AbortSignal): Api['call'] {
  return (id, ...args) => retry(() => call(id, ...args), stop);
}
