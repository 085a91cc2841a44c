import type { RunListener } from '../../db/feed/run-listener.ts';
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
} from '../../db/queries/chat-session.ts';
import { listAgents, stepsAfter } from '../../db/queries/queries.ts';
import type { CliDatabase } from '../backend/database.ts';
import type { ChatBackend } from './chat-backend.ts';

/** Creates the backend of a conversation in a database. The listener reports the events there. */
export function createDatabaseBackend(
  { pool, db }: CliDatabase,
  listener: RunListener,
): ChatBackend {
  return {
    open: (agent, session) => openSession(pool, agent, session),
    async left(session) {
      const run = await liveRun(pool, session);
      const question = run && (await openQuestion(pool, run));
      return question ? { run, question } : undefined;
    },
    say: (session, text) => sendMessage(pool, session, text, listener),
    fork: (from, text) => forkSession(pool, from, text, listener),
    answer: (_run, question, line) => answerChatQuestion(pool, question, line),
    follow: (run, after, signal) => followTurn(pool, listener, run, after, signal),
    cancel: (run) => cancelIfLive(pool, run),
    turns: (session) => turnsOf(pool, session),
    said: (session, most) => lastMessages(pool, session, most),
    usage: (session) => sessionUsage(pool, session),
    agents: () => listAgents(db, undefined),
    steps: (run) => stepsAfter(db, run, 0),
  };
}
