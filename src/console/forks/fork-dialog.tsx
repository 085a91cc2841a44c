import { Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { isEmptyValue, valueText } from '../parts/value-view.tsx';
import type { RunHead } from '../run/run-head.ts';
import { type Failure, toFailure } from '../server/failure.ts';
import { ask } from '../server/graphql.ts';
import { forkRun } from '../server/operations.generated.ts';

const text = messages.fork;

/** The run that is forked. Its input matters for a fork from the beginning alone. */
export type ForkedRun = Pick<RunHead, 'id' | 'input' | 'inputData' | 'workflow'>;

type ForkDialogProps = { run: ForkedRun; seq: number; isOpen: boolean; close(): void };

/** The dialog of a fork: from the beginning with another input, or after a step. */
export function ForkDialog({ run, seq, isOpen, close }: ForkDialogProps) {
  const isWorkflow = run.workflow !== null;
  return (
    <Modal opened={isOpen} onClose={close} title={text.title} size="lg">
      <Stack gap="sm">
        <Text size="sm">{text.explain(seq)}</Text>
        <ForkForm run={run} seq={seq} canAdd={seq === 0 || !isWorkflow} close={close} />
      </Stack>
    </Modal>
  );
}

function ForkForm({
  run,
  seq,
  canAdd,
  close,
}: Omit<ForkDialogProps, 'isOpen'> & { canAdd: boolean }) {
  const [, navigate] = useLocation();
  const [input, setInput] = useState(seq === 0 ? run.input : '');
  const original = seq > 0 || isEmptyValue(run.inputData) ? '' : valueText(run.inputData);
  const [data, setData] = useState(original);
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  // Data that is not changed is not sent, so that it is copied exactly
  const parsed = data === original ? null : parseData(data);
  const submit = async () => {
    setBusy(true);
    try {
      const { forkExecution } = await ask(forkRun, variablesOf(run, seq, input, parsed));
      close();
      navigate(`/runs/${forkExecution?.result?.id ?? ''}`);
    } catch (error) {
      setFailure(toFailure(error));
      setBusy(false);
    }
  };
  return (
    <>
      {canAdd && (
        <Textarea
          label={seq === 0 ? text.input : text.added}
          value={input}
          onChange={(event) => setInput(event.currentTarget.value)}
          autosize
          minRows={3}
          maxRows={14}
          data-autofocus
        />
      )}
      {original !== '' && (
        <Textarea
          label={text.data}
          value={data}
          onChange={(event) => setData(event.currentTarget.value)}
          error={parsed === undefined ? text.invalid : undefined}
          autosize
          minRows={3}
          maxRows={14}
          ff="monospace"
        />
      )}
      {failure && <FailureAlert failure={failure} />}
      <Group justify="flex-end">
        <Button variant="default" onClick={close}>
          {messages.common.cancel}
        </Button>
        <Button onClick={() => void submit()} loading={isBusy} disabled={parsed === undefined}>
          {text.submit}
        </Button>
      </Group>
    </>
  );
}

/** Reads the data of a form. Returns undefined if it is not JSON, such as an empty text. */
function parseData(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** Only what the person changed is sent, so that the rest is copied exactly. */
function variablesOf(run: ForkedRun, seq: number, input: string, data: Json | undefined) {
  const isChanged = seq === 0 ? input !== run.input : input.trim() !== '';
  return {
    ...{ id: run.id, seq },
    ...(isChanged && { input }),
    ...(data !== null && data !== undefined && { inputData: data }),
  };
}
