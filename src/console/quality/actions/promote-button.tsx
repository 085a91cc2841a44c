import { Anchor, Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { useMayWrite } from '../../server/me.tsx';
import type { EvaluationRow } from '../../server/operations.generated.ts';
import { callRest } from '../../server/rest.ts';
import { evaluationPage } from '../quality-rows.ts';

const text = qualityTexts.promote;
/** The code of a promotion that the gate refuses. */
const REFUSED = 'HWCNF';

type PromoteProps = { row: EvaluationRow; done(): void };

/** Labels the version of a completed evaluation, after a question. Absent before that. */
export function PromoteButton({ row, done }: PromoteProps) {
  const mayLabel = useMayWrite('version_labels');
  const [isOpen, dialog] = useDisclosure(false);
  if (!mayLabel || row.status !== 'completed') return null;
  return (
    <>
      <Button size="xs" variant="default" onClick={dialog.open}>
        {text.button}
      </Button>
      <Modal opened={isOpen} onClose={dialog.close} title={text.title(row.version)}>
        <PromoteForm {...{ row, done }} close={dialog.close} />
      </Modal>
    </>
  );
}

/** The label, and the gate that the results must pass. */
type Written = { label: string; failUnder: string; noWorseThan: string };
const USUAL: Written = { label: text.usual, failUnder: '', noWorseThan: '' };

function PromoteForm({ row, done, close }: PromoteProps & { close(): void }) {
  const [written, setWritten] = useState(USUAL);
  const [promoted, setPromoted] = useState<string>();
  const rate = readRate(written.failUnder);
  const { start, failure, isBusy } = useAction(async () => {
    const label = written.label.trim();
    const noWorseThan = written.noWorseThan.trim();
    const body = {
      label,
      ...(typeof rate === 'number' && { fail_under: rate }),
      ...(noWorseThan !== '' && { no_worse_than: noWorseThan }),
    };
    await callRest(`/api/evaluations/${row.id}/promote`, { method: 'POST', body });
    setPromoted(label);
    done();
  });
  if (promoted !== undefined) return <Promoted {...{ row, close }} label={promoted} />;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (rate !== 'faulty') start();
  };
  return (
    <Stack component="form" gap="sm" onSubmit={submit}>
      <Text size="sm">{text.text(row.version)}</Text>
      <Fields {...{ written, setWritten }} isFaulty={rate === 'faulty'} />
      {failure && <FailureAlert failure={failure} />}
      {failure?.code === REFUSED && (
        <Anchor
          component={Link}
          href={`${evaluationPage(row.id)}?show=failed`}
          onClick={close}
          size="sm"
        >
          {text.failed}
        </Anchor>
      )}
      <Group justify="flex-end" mt="xs" gap="xs">
        <Button variant="default" onClick={close}>
          {messages.common.cancel}
        </Button>
        <Button type="submit" loading={isBusy} disabled={written.label.trim() === ''}>
          {text.submit}
        </Button>
      </Group>
    </Stack>
  );
}

/** Reads a share between 0 and 1. It is undefined if nothing is written. */
function readRate(written: string): number | undefined | 'faulty' {
  if (written.trim() === '') return undefined;
  const rate = Number(written.trim().replace(',', '.'));
  return rate >= 0 && rate <= 1 ? rate : 'faulty';
}

type FieldsProps = {
  written: Written;
  setWritten(next: Written): void;
  isFaulty: boolean;
};

function Fields({ written, setWritten, isFaulty }: FieldsProps) {
  const field = (name: keyof Written) => ({
    value: written[name],
    onChange: (event: { currentTarget: { value: string } }) =>
      setWritten({ ...written, [name]: event.currentTarget.value }),
  });
  return (
    <>
      <TextInput {...field('label')} label={text.label} data-autofocus />
      <TextInput
        {...field('failUnder')}
        label={text.failUnder}
        description={text.failUnderHint}
        inputMode="decimal"
        error={isFaulty && text.notRate}
      />
      <TextInput
        {...field('noWorseThan')}
        label={text.noWorseThan}
        description={text.noWorseThanHint}
      />
    </>
  );
}

type PromotedProps = { row: EvaluationRow; label: string; close(): void };

/** Says which version has the label now. */
function Promoted({ row, label, close }: PromotedProps) {
  return (
    <Stack gap="sm">
      <Text size="sm" role="status" className="user-text">
        {text.promoted(row.version, label)}
      </Text>
      <Group justify="flex-end">
        <Button variant="default" onClick={close} data-autofocus>
          {messages.common.close}
        </Button>
      </Group>
    </Stack>
  );
}
