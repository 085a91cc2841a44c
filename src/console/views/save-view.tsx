import { Button, Checkbox, Code, Group, Modal, Stack, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { type Failure, toFailure } from '../server/failure.ts';
import { saveView } from './views.ts';

const text = messages.views;

type SaveViewProps = { place: string; query: string; changed(): void; close(): void };

/** The form that saves the filter of a list under a name. */
export function SaveView({ place, query, changed, close }: SaveViewProps) {
  const [name, setName] = useState('');
  const [isShared, setShared] = useState(false);
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  const filter = Object.fromEntries(new URLSearchParams(query));
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    try {
      await saveView({ name: name.trim(), place, filter, is_shared: isShared });
      changed();
      close();
    } catch (error) {
      setFailure(toFailure(error));
      setBusy(false);
    }
  };
  return (
    <Modal opened onClose={close} title={text.saveTitle}>
      <form onSubmit={(event) => void submit(event)}>
        <Stack gap="sm">
          <TextInput
            label={text.name}
            value={name}
            onChange={(event) => setName(event.currentTarget.value)}
            required
            data-autofocus
          />
          <Code block className="user-text">
            {JSON.stringify(filter, null, 2)}
          </Code>
          <Checkbox
            label={text.share}
            checked={isShared}
            onChange={(event) => setShared(event.currentTarget.checked)}
          />
          {failure && <FailureAlert failure={failure} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {messages.common.cancel}
            </Button>
            <Button type="submit" loading={isBusy} disabled={name.trim() === ''}>
              {text.saveNow}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
