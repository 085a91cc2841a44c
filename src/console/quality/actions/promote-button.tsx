import { Button, Group, Modal, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { messages } from '../../messages/messages.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { useMayWrite } from '../../server/me.tsx';
import type { EvaluationRow } from '../../server/operations.generated.ts';
import { callRest } from '../../server/rest.ts';

const text = qualityTexts.promote;

/** Labels the version of a completed evaluation, after a question. Absent before that. */
export function PromoteButton({ row, done }: { row: EvaluationRow; done(): void }) {
  const mayLabel = useMayWrite('version_labels');
  const [isOpen, dialog] = useDisclosure(false);
  const [label, setLabel] = useState<string>(text.usual);
  const { start, failure, isBusy } = useAction(async () => {
    await callRest(`/api/evaluations/${row.id}/promote`, { method: 'POST', body: { label } });
    dialog.close();
    done();
  });
  if (!mayLabel || row.status !== 'completed') return null;
  return (
    <>
      <Button size="xs" variant="default" onClick={dialog.open}>
        {text.button}
      </Button>
      <Modal opened={isOpen} onClose={dialog.close} title={text.title}>
        <Text size="sm">{text.text(row.version)}</Text>
        <TextInput
          mt="sm"
          label={text.label}
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
        />
        {failure && <FailureAlert failure={failure} />}
        <Group justify="flex-end" mt="md" gap="xs">
          <Button variant="default" onClick={dialog.close}>
            {messages.common.cancel}
          </Button>
          <Button onClick={start} loading={isBusy} disabled={label.trim() === ''}>
            {text.submit}
          </Button>
        </Group>
      </Modal>
    </>
  );
}
