import { Button, Group, Loader, Modal, Progress as ProgressBar, Stack, Text } from '@mantine/core';
import { useEffect, useRef, useState } from 'react';
import { formatCount } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { type Failure, toFailure } from '../server/failure.ts';
import type { ExecutionFilter } from '../server/operations.generated.ts';
import {
  type BulkAction,
  changeable,
  changeRuns,
  MAX_MATCHING,
  type Matching,
  type Progress,
  readMatching,
} from './bulk-actions.ts';

const text = messages.bulk;

/** The subject of an action: runs by id, or all that match a filter. */
export type BulkSubject = { ids: readonly string[] } | { filter: ExecutionFilter };

type BulkDialogProps = {
  action: BulkAction;
  subject: BulkSubject;
  /** Closes the dialog. True if runs were changed. */
  close(hasChanged: boolean): void;
};

type Phase = 'confirm' | 'working' | 'done';

/** The dialog of an action on many runs: their number, then the progress, then what happened. */
export function BulkDialog({ action, subject, close }: BulkDialogProps) {
  const { matching, failure } = useMatching(action, subject);
  const [phase, setPhase] = useState<Phase>('confirm');
  const [progress, setProgress] = useState<Progress>({ changed: 0, refused: new Map() });
  const [fault, setFault] = useState<Failure>();
  const isStopped = useRef(false);
  const start = async () => {
    setPhase('working');
    try {
      const observer = { report: setProgress, isStopped: () => isStopped.current };
      await changeRuns(action, matching?.ids ?? [], observer);
    } catch (error) {
      setFault(toFailure(error));
    }
    setPhase('done');
  };
  const leave = () => {
    isStopped.current = true;
    close(phase !== 'confirm');
  };
  const shown = failure ?? fault;
  return (
    <Modal opened onClose={leave} title={messages.run.actions[action]}>
      <Stack gap="sm">
        {shown && <FailureAlert failure={shown} />}
        {!shown && !matching && <Loader size="sm" aria-label={text.counting} />}
        {matching && phase === 'confirm' && <Question action={action} matching={matching} />}
        {matching && phase !== 'confirm' && (
          <Outcome progress={progress} total={matching.ids.length} isDone={phase === 'done'} />
        )}
        <Group justify="flex-end">
          {phase === 'working' ? (
            <Button variant="default" onClick={() => (isStopped.current = true)}>
              {text.stop}
            </Button>
          ) : (
            <Button variant="default" onClick={leave}>
              {phase === 'confirm' ? text.keep : messages.common.close}
            </Button>
          )}
          {matching && phase === 'confirm' && matching.ids.length > 0 && (
            <Button color={action === 'cancel' ? 'red.9' : undefined} onClick={() => void start()}>
              {text.confirm[action](matching.ids.length)}
            </Button>
          )}
        </Group>
      </Stack>
    </Modal>
  );
}

/** Returns the runs that the action is about. They stay the same from the question to the end. */
function useMatching(action: BulkAction, subject: BulkSubject) {
  const [matching, setMatching] = useState<Matching>();
  const [failure, setFailure] = useState<Failure>();
  // Fewer dependencies on purpose: a dialog has one subject
  useEffect(() => {
    if ('ids' in subject) return setMatching({ ids: subject.ids, hasMore: false });
    readMatching(changeable(subject.filter, action)).then(setMatching, (error: unknown) =>
      setFailure(toFailure(error)),
    );
  }, []);
  return { matching, failure };
}

function Question({ action, matching }: { action: BulkAction; matching: Matching }) {
  const { ids, hasMore } = matching;
  if (ids.length === 0) return <Text size="sm">{text.nothing[action]}</Text>;
  return (
    <>
      <Text size="sm">{text.ask[action](ids.length)}</Text>
      {hasMore && <Text size="sm">{text.most(formatCount(MAX_MATCHING))}</Text>}
    </>
  );
}

type OutcomeProps = { progress: Progress; total: number; isDone: boolean };

function Outcome({ progress: { changed, refused }, total, isDone }: OutcomeProps) {
  const finished = changed + [...refused.values()].reduce((sum, count) => sum + count, 0);
  return (
    <>
      <ProgressBar
        value={total === 0 ? 100 : (100 * finished) / total}
        aria-label={text.progress}
        animated={!isDone}
      />
      <Text size="sm" aria-live="polite">
        {text.changed(formatCount(changed), formatCount(total))}
        {isDone && finished < total && ` ${text.stopped(formatCount(total - finished))}`}
      </Text>
      {[...refused].map(([reason, count]) => (
        <Text key={reason} size="sm" className="user-text">
          {formatCount(count)} × {reason}
        </Text>
      ))}
    </>
  );
}
