import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import type { RunObserver } from '../../contracts/runs/run-observer.ts';
import type { OpenSink } from '../../contracts/runs/step.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import type { RunHooks } from '../hooks/hooks-of-run.ts';
import type { Committer } from './committer.ts';
import type { RunLease } from './run-lease.ts';

/** The parts of a held run. */
export type HeldRunOptions = {
  /** Aborts when the run is no longer held: cancelled, taken over or released. */
  abort: AbortController;
  claimed: ClaimedRun;
  definition: AgentDefinition;
  /** Decides the next action: the strategy of the run. */
  decide(definition: AgentDefinition, state: RunState): Action;
  committer: Committer;
  hooks?: RunHooks | undefined;
  lease: RunLease;
  /** The observer of the run, for metrics, logs and traces. */
  observer?: RunObserver | undefined;
  /** Called after every commit of a run that has a subscriber. */
  announce(id: string): void;
  /** Called when a model starts to answer. */
  stream: OpenSink;
  /** Called with the messages of its tools while they work. */
  tell(note: ToolNote): void;
};
