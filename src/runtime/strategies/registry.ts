import type { AgentDefinition, WorkflowType } from '../../contracts/agents/definition.ts';
import { TOOL_PROVIDER } from '../../contracts/agents/engine.ts';
import type { Action, RunState } from '../../contracts/runs/action.ts';
import { next as agent } from './agent.ts';
import { next as chain } from './chain.ts';
import { next as compensation } from './compensation.ts';
import { next as evaluatorOptimizer } from './evaluator-optimizer.ts';
import { next as graph } from './graph.ts';
import { next as map } from './map.ts';
import { next as orchestrator } from './orchestrator.ts';
import { next as parallel } from './parallel.ts';
import { next as router } from './router.ts';
import { next as tool } from './tool.ts';
import { next as voting } from './voting.ts';

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
    return compensation;
  }
  return models[0]?.provider === TOOL_PROVIDER ? tool : agent;
}

const TEAMS: Record<WorkflowType, Strategy> = {
  chain,
  parallel,
  router,
  orchestrator,
  evaluator_optimizer: evaluatorOptimizer,
  voting,
  map,
  graph,
};
