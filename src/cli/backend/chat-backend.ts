import type { PlaceInTree } from '../../db/feed/run-reader.ts';
import type {
  ChatQuestion,
  SessionMessage,
  SessionUsage,
  TurnEvent,
} from '../../db/queries/chat-session.ts';
import type { Step } from '../../db/queries/queries.ts';
import type { Ended } from '../print/step-line.ts';

/** An event of a turn, as far as it is shown. */
export type TurnItem =
  | Exclude<TurnEvent, { type: 'end' }>
  | ({ type: 'end'; id: string; execution: Ended } & Partial<PlaceInTree>);

/** An agent as a table shows it. */
export type ListedAgent = Readonly<Record<string, unknown>>;

/** The backend of a conversation: a database, or the API of a server. */
export type ChatBackend = {
  /**
   * Starts a session with an agent, or continues a session, whose next message then goes to that
   * agent. Returns the id of the session.
   */
  open(agent: string, session?: string): Promise<string>;
  /** Returns the open question that a session was left with, and its run. */
  openQuestion(session: string): Promise<{ run: string; question: ChatQuestion } | undefined>;
  /**
   * Sends a message in a session. Returns the run that the message started, or the live run that it
   * joined.
   */
  say(session: string, text: string): Promise<string>;
  /** Sends a message in a new session that knows this session until the end of a turn. */
  fork(from: { session: string; turn: number }, text: string): Promise<StartedTurn>;
  /** Answers the question of a run with a line of text. `reject REASON` rejects a call. */
  answer(run: string, question: ChatQuestion, line: string): Promise<void>;
  /**
   * Yields the events of a run after a step, until the run has ended or asks a question. That event
   * is the last one. Also ends when the signal fires.
   */
  follow(run: string, after: number, signal: AbortSignal): AsyncGenerator<TurnItem>;
  /** Cancels a run at once, if it has not ended. */
  cancel(run: string): Promise<void>;
  turnCount(session: string): Promise<number>;
  lastMessages(session: string, most: number): Promise<SessionMessage[]>;
  usage(session: string): Promise<SessionUsage | undefined>;
  agents(): Promise<readonly ListedAgent[]>;
  steps(run: string): Promise<Step[]>;
  /** Ends what the conversation listens to. */
  close(): Promise<void>;
};

export type ChatOptions = {
  /** True if answers are reported piece by piece while they are written. */
  tokens: boolean;
  /** True if the events of all runs below are reported too. */
  tree: boolean;
  /** Fires when the conversation is interrupted. */
  signal: AbortSignal;
};

/** A session that a message has created, and the run of that message. */
export type StartedTurn = { session: string; run: string };
