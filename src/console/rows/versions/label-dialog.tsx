import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { rowTexts } from '../../messages/row-texts.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useCall } from '../use-call.ts';
import type { VersionDialogProps } from './restore-dialog.tsx';

const text = rowTexts.versions;

/** Sets a label on a version, or removes one. */
export function LabelDialog({ type, row, version, changed, close }: VersionDialogProps) {
  const [label, setLabel] = useState('');
  const { call, failure, isBusy } = useCall(() => {
    changed();
    close();
  });
  const pathOf = (name: string) => `${type.path}/${row.id}/labels/${encodeURIComponent(name)}`;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const body = { version: version.version };
    if (label.trim() !== '') call(pathOf(label.trim()), { method: 'PUT', body });
  };
  return (
    <Modal opened onClose={close} title={text.labelTitle(version.version)}>
      <Stack component="form" gap="md" ta="start" onSubmit={submit}>
        {failure && <FailureAlert failure={failure} />}
        <TextInput
          label={text.labelName}
          description={text.labelHint}
          value={label}
          onChange={(event) => setLabel(event.currentTarget.value)}
          data-autofocus
        />
        <Group justify="flex-end" gap="xs">
          {version.labels.map((one) => (
            <Button
              key={one}
              variant="default"
              disabled={isBusy}
              onClick={() => call(pathOf(one), { method: 'DELETE' })}
            >
              {text.removeLabel(one)}
            </Button>
          ))}
          <Button type="submit" loading={isBusy} disabled={label.trim() === ''}>
            {text.setLabel}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
