import type { ToolNote } from '../contracts/agents/tool-io.ts';
import type { PoolClient } from '../db/connection/pool.ts';
import type { ListMarks, Subscriptions } from '../db/mcp/sessions.ts';
import type { Question } from '../db/queries/questions.ts';
import type { Json } from '../json/json.ts';

/** What happens to a run that a call has begun. */
export type RunEvent =
  | { type: 'step'; seq: number; kind: string; name: string | null; error: Json }
  /** Nothing goes on before a person has answered these; each is given once. */
  | { type: 'questions'; questions: Question[] }
  /** Somebody who was asked gave no answer that counts; without a fault, he would not say. */
  | { type: 'unanswered'; question: string; fault: string | null }
  /** A tool says something while it works. */
  | { type: 'note'; note: ToolNote }
  /** A limit is reached: it goes on by itself once there is room. */
  | { type: 'limited' }
  | { type: 'end' };

/** A failure in words for a client. `code` is one of sql/ERRORS.md. */
export type McpRunItem = { code: string; message: string; hint?: string; detail?: Json };

/** As whom a client asks, and the only way it reaches the database. Rules are decided there. */
export type Caller = {
  /** Differs for whoever may see and do something else. */
  readonly key: string;
  /** One transaction with the caller's rights. */
  transact<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  /** Its steps so far, then each new one, what it asks, and its end; ends with that, or when the signal fires. */
  follow(executionId: string, signal: AbortSignal): AsyncIterable<RunEvent>;
  /** Tells whoever follows the run, in whatever process, that a question was not answered. */
  announceUnanswered(executionId: string, questionId: string, fault: string | null): Promise<void>;
  explain(error: unknown): McpRunItem;
  /** The marks of what is listed, a moment old at most. */
  lists(): Promise<ListMarks>;
  /** Wakes whenever the run may stand otherwise, until it has ended or the signal fires. */
  changes(executionId: string, signal: AbortSignal): AsyncIterable<unknown>;
  /** What the client of a session, by its digest, wants to hear of. */
  subscriptions(session: string): Promise<Subscriptions>;
  /** Rejects when the caller may not ask any more. */
  stillGood(): Promise<void>;
};
