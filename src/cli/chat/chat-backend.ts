import type {
  OpenQuestion,
  SessionMessage,
  SessionUsage,
  TurnEvent,
} from '../../db/feed/chat-session.ts';
import type { Step } from '../../db/queries/queries.ts';
import type { Ended } from '../print/step-line.ts';

/** What happens in a turn, as far as it is shown. */
export type TurnItem =
  | Exclude<TurnEvent, { type: 'end' }>
  | { type: 'end'; id: string; execution: Ended };

/** An agent as a table shows it. */
export type ListedAgent = Readonly<Record<string, unknown>>;

/** Where a conversation is held: a database, or the API of a server. */
export type ChatBackend = {
  /** Begins a session with an agent, or goes on with one: the next message is then for that agent. Gives its id. */
  open(agent: string, session?: string): Promise<string>;
  /** What a session was left in the middle of. */
  left(session: string): Promise<{ run: string; question: OpenQuestion } | undefined>;
  /** Says something in a session. Gives the run it began, or the live one it joined. */
  say(session: string, text: string): Promise<string>;
  /** Says something in a new session that knows this one until the end of a turn. */
  fork(from: { session: string; turn: number }, text: string): Promise<StartedTurn>;
  /** Answers what a run asks with a line of text; `reject REASON` rejects a call. */
  answer(run: string, question: OpenQuestion, line: string): Promise<void>;
  /** What happens in a run behind a step, until it has ended or asks: that is the last event. Ends when the signal fires, too. */
  follow(run: string, after: number, signal: AbortSignal): AsyncGenerator<TurnItem>;
  /** Ends a run at once, when it has not ended. */
  cancel(run: string): Promise<void>;
  turns(session: string): Promise<number>;
  said(session: string, most: number): Promise<SessionMessage[]>;
  usage(session: string): Promise<SessionUsage | undefined>;
  agents(): Promise<readonly ListedAgent[]>;
  steps(run: string): Promise<Step[]>;
};

/** A session that was made by what was said in it. */
export type StartedTurn = { session: string; run: string };
