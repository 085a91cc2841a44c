import { Button, Tooltip } from '@mantine/core';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { useMayWrite } from '../../server/me.tsx';
import type { EvaluationRow } from '../../server/operations.generated.ts';
import { callRest } from '../../server/rest.ts';
import { totalsOf } from '../quality-rows.ts';

/** Grades the results again that no judge could grade. Absent if there are none. */
export function GradeAgainButton({ row, done }: { row: EvaluationRow; done(): void }) {
  const mayRun = useMayWrite('executions');
  const { start, failure, isBusy } = useAction(async () => {
    await callRest(`/api/evaluations/${row.id}/grade-again`, { method: 'POST' });
    done();
  });
  if (!mayRun || !totalsOf(row).not_graded || row.status === 'cancelled') return null;
  return (
    <>
      <Tooltip label={qualityTexts.gradeAgain.hint} multiline w={260}>
        <Button size="xs" variant="default" onClick={start} loading={isBusy}>
          {qualityTexts.gradeAgain.button}
        </Button>
      </Tooltip>
      {failure && <FailureAlert failure={failure} />}
    </>
  );
}
