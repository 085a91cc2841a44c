import { Button, Group, Modal, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import type { ItemSource } from '../quality/datasets/add-run-dialog.tsx';
import { request } from '../server/graphql.ts';
import { useMayWrite } from '../server/me.tsx';
import { cancelRun, pauseRun, resumeRun, retryRun } from '../server/operations.generated.ts';
import { hasEnded, type RunHead } from './run-head.ts';

/** The form is loaded when it is opened. */
const AddRunDialog = lazy(async () => ({
  default: (await import('../quality/datasets/add-run-dialog.tsx')).AddRunDialog,
}));

const text = messages.run;
const operations = { cancel: cancelRun, pause: pauseRun, resume: resumeRun, retry: retryRun };
type Action = keyof typeof operations;

/** Returns the actions that the status of a run allows. The root of a tree is what is retried. */
function actionsFor(run: RunHead): Action[] {
  const isAgain = run.status === 'failed' || run.status === 'cancelled';
  return [
    ...(run.status === 'paused' ? (['resume'] as const) : []),
    ...(!hasEnded(run) && run.status !== 'paused' && !run.isPauseRequested
      ? (['pause'] as const)
      : []),
    ...(isAgain && run.parentExecutionId === null ? (['retry'] as const) : []),
    ...(hasEnded(run) ? [] : (['cancel'] as const)),
  ];
}

type AddToDatasetProps = { run: ItemSource; size: 'xs' | 'compact-sm' };

/** Opens the form that makes an item of a data set of an ended run, or of one of its steps. */
export function AddToDataset({ run, size }: AddToDatasetProps) {
  const mayAdd = useMayWrite('dataset_items');
  const [isOpen, dialog] = useDisclosure(false);
  if (!mayAdd) return null;
  return (
    <>
      <Button size={size} variant="default" onClick={dialog.open}>
        {messages.datasets.addRun}
      </Button>
      {isOpen && (
        <Suspense>
          <AddRunDialog run={run} close={dialog.close} />
        </Suspense>
      )}
    </>
  );
}

type RunActionsProps = { run: RunHead; reload(): void; fork(): void };

/** The buttons that steer a run. Cancelling asks once more. */
export function RunActions({ run, reload, fork }: RunActionsProps) {
  const mayRun = useMayWrite('executions');
  const [isAsking, question] = useDisclosure(false);
  const [last, setLast] = useState<Action>();
  const { start, failure, isBusy } = useAction(async (action: Action) => {
    setLast(action);
    question.close();
    try {
      await request(operations[action] as typeof cancelRun, { id: run.id });
    } finally {
      reload();
    }
  });
  if (!mayRun) return null;
  return (
    <>
      {failure && <FailureAlert failure={failure} />}
      {actionsFor(run).map((action) => (
        <Button
          key={action}
          size="xs"
          variant="default"
          loading={isBusy && last === action}
          onClick={action === 'cancel' ? question.open : () => start(action)}
        >
          {text.actions[action]}
        </Button>
      ))}
      <Button size="xs" variant="default" onClick={fork}>
        {text.actions.fork}
      </Button>
      <Modal opened={isAsking} onClose={question.close} title={text.actions.cancel}>
        <Text size="sm">{text.confirmCancel}</Text>
        <Group justify="flex-end" mt="md">
          <Button variant="default" onClick={question.close}>
            {text.keepRun}
          </Button>
          <Button color="red.9" onClick={() => start('cancel')}>
            {text.cancelRun}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
