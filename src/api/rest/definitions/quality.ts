import { addItems, addRun } from '../../../operations/quality/datasets.ts';
import {
  cancelEvaluation,
  compareEvaluations,
  promoteEvaluation,
  startEvaluation,
} from '../../../operations/quality/evaluations.ts';
import { datasets } from '../../../resources/quality/datasets.ts';
import { evaluations } from '../../../resources/quality/evaluations.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import type { Route } from '../framework/route.ts';

/** Routes of data sets and evaluations. Items, graders and results are resources. */
export const qualityRoutes: Route[] = [
  ...resourceRoutes(datasets),
  addItems,
  addRun,
  ...resourceRoutes(evaluations),
  startEvaluation,
  cancelEvaluation,
  compareEvaluations,
  promoteEvaluation,
];
