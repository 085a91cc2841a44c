import {
  graderAgreement,
  graderDisagreements,
  rubricExamples,
} from '../../../operations/quality/agreement.ts';
import { addItems, addRun } from '../../../operations/quality/datasets.ts';
import {
  checkEvaluation,
  compareEvaluations,
  promoteEvaluation,
} from '../../../operations/quality/evaluation-gate.ts';
import { listEvaluationItems } from '../../../operations/quality/evaluation-items.ts';
import {
  cancelEvaluation,
  gradeAgain,
  gradeRuns,
  startEvaluation,
} from '../../../operations/quality/evaluations.ts';
import { listPreferencePairs, listTrainingExamples } from '../../../operations/quality/examples.ts';
import { gradeResult, listGradeQueue } from '../../../operations/quality/grades.ts';
import { leaderboard } from '../../../operations/quality/leaderboard.ts';
import { listQualityByDay } from '../../../operations/quality/quality-by-day.ts';
import { datasets } from '../../../resources/quality/datasets.ts';
import { evaluations } from '../../../resources/quality/evaluations.ts';
import { grades } from '../../../resources/quality/grades.ts';
import { resourceRoutes } from '../framework/resource-routes.ts';
import type { Route } from '../framework/route.ts';

/** Routes of data sets, evaluations and grades. Items, graders and results are resources. */
export const qualityRoutes: Route[] = [
  ...resourceRoutes(datasets),
  addItems,
  addRun,
  ...resourceRoutes(evaluations),
  startEvaluation,
  gradeRuns,
  cancelEvaluation,
  gradeAgain,
  compareEvaluations,
  checkEvaluation,
  listEvaluationItems,
  promoteEvaluation,
  graderAgreement,
  graderDisagreements,
  rubricExamples,
  leaderboard,
  listQualityByDay,
  ...resourceRoutes(grades),
  gradeResult,
  listGradeQueue,
  listTrainingExamples,
  listPreferencePairs,
];
