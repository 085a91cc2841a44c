import { Text } from '@mantine/core';
import { Route, Switch } from 'wouter';
import { messages } from '../messages/messages.ts';
import { EVALUATIONS } from '../rows/paths.ts';
import { ComparisonPage } from './comparison/comparison-page.tsx';
import { EvaluationPage } from './evaluation-page.tsx';
import { EvaluationsPage } from './evaluations-page.tsx';
import { GradingPage } from './grading/grading-page.tsx';
import { OverTimePage } from './over-time/over-time-page.tsx';

/** The place of evaluations: their list, each with its results, days, comparisons, and grading. */
export function EvaluationsPlace() {
  return (
    <Switch>
      <Route path={EVALUATIONS}>
        <EvaluationsPage />
      </Route>
      <Route path={`${EVALUATIONS}/over-time`}>
        <OverTimePage />
      </Route>
      <Route path={`${EVALUATIONS}/:id/compare`}>{({ id }) => <ComparisonPage a={id} />}</Route>
      <Route path={`${EVALUATIONS}/:id/grade`}>
        {({ id }) => <GradingPage key={id} id={id} />}
      </Route>
      <Route path={`${EVALUATIONS}/:id`}>{({ id }) => <EvaluationPage key={id} id={id} />}</Route>
      <Route>
        <Text>{messages.common.notFoundTitle}</Text>
      </Route>
    </Switch>
  );
}
