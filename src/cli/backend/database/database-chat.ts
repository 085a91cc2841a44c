import { openRunListener } from '../../../db/feed/run-listener.ts';
import {
  answerChatQuestion,
  cancelIfLive,
  followTurn,
  forkSession,
  lastMessages,
  liveRun,
  openQuestion,
  openSession,
  sendMessage,
  sessionUsage,
  turnsOf,
} from '../../../db/queries/chat-session.ts';
import { listAgents, stepsAfter } from '../../../db/queries/queries.ts';
import type { ChatBackend, ChatOptions } from '../chat-backend.ts';
import type { CliDatabase } from '../with-database.ts';

/** Opens the conversations of a database. A listener reports the events there. */
export async function openDatabaseChat(
  { url, pool, db }: CliDatabase,
  { tokens, signal }: ChatOptions,
): Promise<ChatBackend> {
  const listener = await openRunListener(url, [], signal, { tokens });
  return {
    open: (agent, session) => openSession(pool, agent, session),
    async openQuestion(session) {
      const run = await liveRun(pool, session);
      const question = run && (await openQuestion(pool, run));
      return question ? { run, question } : undefined;
    },
    say: (session, text) => sendMessage(pool, session, text, listener),
    fork: (from, text) => forkSession(pool, from, text, listener),
    answer: (_run, question, line) => answerChatQuestion(pool, question, line),
    follow: (run, after, stop) => followTurn(pool, listener, run, after, stop),
    cancel: (run) => cancelIfLive(pool, run),
    turnCount: (session) => turnsOf(pool, session),
    lastMessages: (session, most) => lastMessages(pool, session, most),
    usage: (session) => sessionUsage(pool, session),
    agents: () => listAgents(db, undefined),
    steps: (run) => stepsAfter(db, run, 0),
    close: () => listener.close(),
  };
}
