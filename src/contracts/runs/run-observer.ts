import type { AgentDefinition } from '../agents/definition.ts';
import type { Message } from './message.ts';
import type { RunContext } from './run-context.ts';
import type { ExecutionStatus, StepRecord, Transition } from './step.ts';

/** A run as described to observers: metrics, logs, traces. */
export type ObservedRun = { context: RunContext; definition: AgentDefinition; isChild: boolean };

/** The content of one commit, and the status of the run after it. */
export type ObservedCommit = {
  steps: readonly StepRecord[];
  to: Transition | undefined;
  status: ExecutionStatus;
};

/** An observer of one run while this process owns it. It never throws, and nobody waits for it. */
export type RunObserver = {
  onCommit(commit: ObservedCommit): void;
  /**
   * Called with each call of a model. Returns the `traceparent` of the request, if there is a
   * trace.
   */
  onModelCall?(operation: 'chat' | 'embeddings', messages?: readonly Message[]): string | undefined;
  /** Called with each call of a tool. Returns the `traceparent` for the requests of the tool. */
  onToolCall?(callId: string): string | undefined;
};

/** Starts to observe a claimed run. Returns undefined if nobody observes it. */
export type ObserveRun = (
  run: ObservedRun,
) => RunObserver | undefined | Promise<RunObserver | undefined>;
