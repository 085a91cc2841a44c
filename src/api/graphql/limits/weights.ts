import '../environment.ts';
import { type GraphQLNamedType, getNamedType, isObjectType } from 'postgraphile/graphql';

/**
 * The work of the Postgres planner for a table or view, by the GraphQL type of its rows. A table
 * counts 1, a partitioned table 3, and a view as much as all tables in its definition. A type that
 * is not listed counts 1.
 */
export const WEIGHTS: Readonly<Record<string, number>> = {
  AgentPerformance: 7,
  AnswerCache: 2,
  ApprovalTime: 5,
  DailyUsage: 7,
  Effect: 16,
  EvaluationItem: 2,
  Execution: 3,
  ExecutionTimeline: 6,
  ExecutionTree: 9,
  Failure: 5,
  GradeQueue: 7,
  KnowledgeHealth: 12,
  Message: 6,
  MessageSource: 22,
  ModelPerformance: 13,
  ModelUsage: 8,
  PlanTask: 13,
  PreferencePair: 25,
  QualityByDay: 5,
  Reward: 4,
  RoutingDecision: 8,
  StaleAnswer: 8,
  Step: 3,
  ToolAnswerCache: 2,
  ToolPerformance: 7,
  TrainingExample: 22,
  UsageByDay: 5,
};

/**
 * The weights of root fields that lead to no rows. A request is rebuilt from the whole log of a
 * run, which is up to 16 MB.
 */
export const ROOT_WEIGHTS: Readonly<Record<string, number>> = { stepRequest: 20 };

export function weightOf(rowType: string): number {
  return WEIGHTS[rowType] ?? 1;
}

/** Returns the weight of the rows that a field leads to: a row, or a connection of rows. */
export function weightOfRows(type: GraphQLNamedType | undefined): number {
  const nodes = isObjectType(type) ? type.getFields().nodes : undefined;
  return weightOf((nodes ? getNamedType(nodes.type).name : type?.name) ?? '');
}
