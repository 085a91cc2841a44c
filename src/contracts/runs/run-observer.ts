import type { AgentDefinition } from '../agents/definition.ts';
import type { Message } from './message.ts';
import type { ExecutionStatus, RunContext, StepRecord, Transition } from './step.ts';

/** A run as those are told of it who only look: metrics, logs, traces. */
export type ObservedRun = { context: RunContext; definition: AgentDefinition; isChild: boolean };

/** What one commit wrote, and what the run is now. */
export type ObservedCommit = {
  steps: readonly StepRecord[];
  to: Transition | undefined;
  status: ExecutionStatus;
};

/** Told of one run while this process holds it. It never throws, and nobody waits for it. */
export type RunObserver = {
  committed(commit: ObservedCommit): void;
  /** A model is asked: what its request carries as `traceparent`, where there is a trace. */
  modelAsked?(operation: 'chat' | 'embeddings', messages?: readonly Message[]): string | undefined;
  /** A tool is called: the same for the requests it makes. */
  toolCalled?(callId: string): string | undefined;
};

/** Begins to look at a run that was claimed; undefined: nobody wants to. */
export type ObserveRun = (
  run: ObservedRun,
) => RunObserver | undefined | Promise<RunObserver | undefined>;
