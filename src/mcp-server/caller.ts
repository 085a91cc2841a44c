import type { ToolNote } from '../contracts/agents/tool-io.ts';
import type { PoolClient } from '../db/connection/pool.ts';
import type { ListMarks, Subscriptions } from '../db/mcp/sessions.ts';
import type { Question } from '../db/queries/questions.ts';
import type { Json } from '../json/json.ts';

/** An event of a run that a call has started. */
export type RunEvent =
  | { type: 'step'; seq: number; kind: string; name: string | null; error: Json }
  /** Questions that people must answer before the run continues. Each question is reported once. */
  | { type: 'questions'; questions: Question[] }
  /** A person has given no valid answer. Without a fault, the person declined to answer. */
  | { type: 'unanswered'; question: string; fault: string | null }
  /** A note of a tool that works. */
  | { type: 'note'; note: ToolNote }
  /** A limit is reached. The run continues by itself once there is room. */
  | { type: 'limited' }
  | { type: 'end' };

/** A failure as a client sees it. `code` is one of sql/ERRORS.md. */
export type McpFailure = { code: string; message: string; hint?: string; detail?: Json };

/**
 * The identity of a client, and its only access to the database. The database decides the rules.
 */
export type Caller = {
  /** A key that differs between callers that may see or do different things. */
  readonly key: string;
  /** Runs `work` in one transaction with the rights of the caller. */
  transact<T>(work: (client: PoolClient) => Promise<T>): Promise<T>;
  /**
   * Yields the steps of a run so far, then each new step, the questions, and the end. Ends with the
   * run, or when the signal fires.
   */
  follow(executionId: string, signal: AbortSignal): AsyncIterable<RunEvent>;
  /** Tells the followers of a run, in every process, that a question was not answered. */
  announceUnanswered(executionId: string, questionId: string, fault: string | null): Promise<void>;
  explain(error: unknown): McpFailure;
  /** Returns the marks of the lists, which are at most a moment old. */
  lists(): Promise<ListMarks>;
  /**
   * Yields whenever the state of a run may have changed, until the run has ended or the signal
   * fires.
   */
  changes(executionId: string, signal: AbortSignal): AsyncIterable<unknown>;
  /** Returns the subscriptions of a session, by the digest of its id. */
  subscriptions(session: string): Promise<Subscriptions>;
  /** Rejects when the caller has lost access. */
  checkAccess(): Promise<void>;
};
