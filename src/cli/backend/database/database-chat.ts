import type { Pool } from '../../../db/connection/pool.ts';
import { type FollowedTurn, openTurn } from '../../../db/feed/follow-runs.ts';
import { openRunListener, type RunListener } from '../../../db/feed/run-listener.ts';
import {
  answerChatQuestion,
  cancelIfLive,
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
  { tokens, tree, signal }: ChatOptions,
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
    follow: followTurns(pool, listener, tree),
    cancel: (run) => cancelIfLive(pool, run),
    turnCount: (session) => turnsOf(pool, session),
    lastMessages: (session, most) => lastMessages(pool, session, most),
    usage: (session) => sessionUsage(pool, session),
    agents: () => listAgents(db, undefined),
    steps: (run) => stepsAfter(db, run, 0),
    close: () => listener.close(),
  };
}

/** Returns a function that follows turns, which continue after a question. */
function followTurns(pool: Pool, listener: RunListener, tree: boolean): ChatBackend['follow'] {
  const turns = new Map<string, FollowedTurn>();
  return async function* follow(run, after, stop) {
    const turn = turns.get(run) ?? (await openTurn(pool, listener, run, { after, tree }));
    turns.set(run, turn);
    for await (const event of turn.events(stop)) {
      if (event.type === 'end' && event.id === run) turns.delete(run);
      yield event;
    }
  };
}
