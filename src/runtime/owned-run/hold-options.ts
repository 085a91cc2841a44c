import type { Action, RunState } from '../../contracts/action.ts';
import type { AgentDefinition } from '../../contracts/definition.ts';
import type { RunObserver } from '../../contracts/run-observer.ts';
import type { OpenSink } from '../../contracts/step.ts';
import type { ToolNote } from '../../contracts/tool-io.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import type { RunHooks } from '../hooks/run-hooks.ts';
import type { Committer } from './committer.ts';
import type { Ownership } from './run-lease.ts';

/** What a run is held with. */
export type HoldOptions = {
  /** Aborts when the run is no longer held: cancelled, taken over or handed on. */
  abort: AbortController;
  claimed: ClaimedRun;
  definition: AgentDefinition;
  /** Decides the next action: the strategy of the run. */
  decide(definition: AgentDefinition, state: RunState): Action;
  committer: Committer;
  hooks?: RunHooks | undefined;
  ownership: Ownership;
  /** Who looks at it, for metrics, logs and traces. */
  observer?: RunObserver | undefined;
  /** Called after every commit of a run that somebody watches. */
  announce(id: string): void;
  /** Called when a model begins to answer. */
  stream: OpenSink;
  /** Called with what its tools say while they work. */
  tell(note: ToolNote): void;
};
