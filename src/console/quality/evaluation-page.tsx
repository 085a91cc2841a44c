import { Button, Group, Loader, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { qualityTexts } from '../messages/quality-texts.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { PageTitle } from '../parts/page-title.tsx';
import { useAction } from '../parts/use-action.ts';
import { EVALUATIONS, isId } from '../rows/paths.ts';
import { apiUrl } from '../server/base-path.ts';
import { useMayWrite } from '../server/me.tsx';
import {
  type EvaluationRow,
  evaluationPage as evaluationQuery,
} from '../server/operations.generated.ts';
import { callRest } from '../server/rest.ts';
import { useAnswer } from '../server/use-answer.ts';
import { usePolling } from '../server/use-polling.ts';
import { GradeAgainButton } from './actions/grade-again-button.tsx';
import { PromoteButton } from './actions/promote-button.tsx';
import { AgreementTable } from './agreement-table.tsx';
import { CompareChoice } from './comparison/compare-choice.tsx';
import { copyEvaluation } from './copy-quality.ts';
import { EvaluationFacts } from './evaluation-facts.tsx';
import { FlakyItems } from './flaky-items.tsx';
import { gradingPage, nameOfEvaluation, totalsOf } from './quality-rows.ts';
import { Results } from './results.tsx';

const text = qualityTexts.evaluations;

/** The page of an evaluation: what it evaluates, its figures and its results. */
export function EvaluationPage({ id }: { id: string }) {
  const { data, failure, isLoading, reload } = useAnswer(
    evaluationQuery,
    isId(id) ? { id } : undefined,
  );
  const row = data?.evaluation;
  const mayGrade = useMayWrite('grades');
  const seen = JSON.stringify(data);
  usePolling(reload, seen, { isOn: row !== undefined && row !== null && isAtWork(row) });
  return (
    <>
      <PageTitle title={row ? nameOfEvaluation(row) : text.title} table="howdah.evaluations">
        <Button size="xs" variant="subtle" component={Link} href={EVALUATIONS}>
          {text.all}
        </Button>
        {row && (
          <>
            {mayGrade && (
              <Button size="xs" variant="default" component={Link} href={gradingPage(id)}>
                {qualityTexts.grading.button}
              </Button>
            )}
            <GradeAgainButton row={row} done={reload} />
            <PromoteButton row={row} done={reload} />
            <CompareChoice row={row} />
            <CopyAs forms={copyEvaluation(id, apiUrl('/'))} />
            {row.status === 'running' && <CancelButton id={id} done={reload} />}
          </>
        )}
      </PageTitle>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {isLoading && <Loader size="sm" aria-label={messages.common.loading} />}
      {!row && !failure && !isLoading && <Text size="sm">{text.notFound}</Text>}
      {row && (
        <>
          <EvaluationFacts row={row} />
          <AgreementTable id={id} />
          {row.repeats > 1 && <FlakyItems id={id} seen={seen} />}
          <Results id={id} repeats={row.repeats} seen={seen} />
        </>
      )}
    </>
  );
}

/** Returns whether results are still graded. Those of a cancelled evaluation are, once more. */
function isAtWork(row: EvaluationRow): boolean {
  const { graded = 0, runs } = totalsOf(row);
  return row.status === 'running' || graded < runs;
}

/** Cancels an evaluation with its runs, after a question. */
function CancelButton({ id, done }: { id: string; done(): void }) {
  const mayRun = useMayWrite('executions');
  const [isOpen, dialog] = useDisclosure(false);
  const { start, failure, isBusy } = useAction(async () => {
    await callRest(`/api/evaluations/${id}/cancel`, { method: 'POST' });
    dialog.close();
    done();
  });
  if (!mayRun) return null;
  const cancel = qualityTexts.cancel;
  return (
    <>
      <Button size="xs" variant="default" onClick={dialog.open}>
        {cancel.button}
      </Button>
      <Modal opened={isOpen} onClose={dialog.close} title={cancel.title}>
        <Text size="sm">{cancel.text}</Text>
        {failure && <FailureAlert failure={failure} />}
        <Group justify="flex-end" mt="md" gap="xs">
          <Button variant="default" onClick={dialog.close}>
            {cancel.keep}
          </Button>
          <Button color="red.9" onClick={start} loading={isBusy}>
            {cancel.submit}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
