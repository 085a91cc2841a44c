import type { AgentDefinition, WorkflowType } from '../../contracts/agents/definition.ts';
import { TOOL_PROVIDER } from '../../contracts/agents/engine.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { nextAgentAction } from './agent.ts';
import { nextChainAction } from './chain.ts';
import { nextCompensationAction } from './compensation.ts';
import { nextEvaluatorOptimizerAction } from './evaluator-optimizer.ts';
import { nextGraphAction } from './graph.ts';
import { nextMapAction } from './map.ts';
import { nextOrchestratorAction } from './orchestrator.ts';
import { nextParallelAction } from './parallel.ts';
import { nextRouterAction } from './router.ts';
import { nextToolAction } from './tool.ts';
import { nextVotingAction } from './voting.ts';

/**
 * A function that decides the next action from definition and state alone. The same definition and
 * state give the same action, without any I/O.
 */
export type Strategy = (definition: AgentDefinition, state: RunState) => Action;

/** Returns the strategy that a run follows. */
export function strategyOf(
  run: { is_compensation: boolean },
  { workflow, models }: AgentDefinition,
): Strategy {
  if (workflow) {
    return TEAMS[workflow.type];
  }
  if (run.is_compensation) {
    return nextCompensationAction;
  }
  return models[0]?.provider === TOOL_PROVIDER ? nextToolAction : nextAgentAction;
}

const TEAMS: Record<WorkflowType, Strategy> = {
  chain: nextChainAction,
  parallel: nextParallelAction,
  router: nextRouterAction,
  orchestrator: nextOrchestratorAction,
  evaluator_optimizer: nextEvaluatorOptimizerAction,
  voting: nextVotingAction,
  map: nextMapAction,
  graph: nextGraphAction,
};
