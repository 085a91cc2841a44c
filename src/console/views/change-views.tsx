import { ActionIcon, Button, Checkbox, Group, Modal, Stack, TextInput } from '@mantine/core';
import { Trash2 } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { type Failure, toFailure } from '../server/failure.ts';
import { useMe } from '../server/me.tsx';
import type { View } from './view-query.ts';
import { changeView, deleteView } from './views.ts';

const text = messages.views;

type ChangeViewsProps = { views: readonly View[]; changed(): void; close(): void };

/** The views that the person may change: their names, with whom they are shared, and deletion. */
export function ChangeViews({ views, changed, close }: ChangeViewsProps) {
  const [failure, setFailure] = useState<Failure>();
  const run = async (work: Promise<void>) => {
    setFailure(undefined);
    try {
      await work;
      changed();
    } catch (error) {
      setFailure(toFailure(error));
    }
  };
  return (
    <Modal opened onClose={close} title={text.manageTitle} size="lg">
      <Stack gap="sm">
        {failure && <FailureAlert failure={failure} />}
        {views.map((view) => (
          <ViewLine key={`${view.id} ${view.name}`} view={view} run={run} />
        ))}
        <Group justify="flex-end">
          <Button variant="default" onClick={close} data-autofocus>
            {messages.common.close}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

type ViewLineProps = { view: View; run(work: Promise<void>): Promise<void> };

function ViewLine({ view: { id, name, is_shared, saved_by }, run }: ViewLineProps) {
  const { username = null } = useMe();
  const [written, setWritten] = useState(name);
  const [isDoomed, setDoomed] = useState(false);
  const isRenamed = written.trim() !== '' && written.trim() !== name;
  const rename = (event: FormEvent) => {
    event.preventDefault();
    if (isRenamed) void run(changeView(id, { name: written.trim() }));
  };
  return (
    <form onSubmit={rename}>
      <Group gap="xs" wrap="wrap" align="center">
        <TextInput
          aria-label={text.nameOf(name)}
          title={text.by(saved_by)}
          value={written}
          onChange={(event) => setWritten(event.currentTarget.value)}
          size="xs"
          flex="1 1 180px"
        />
        {isRenamed && (
          <Button type="submit" size="xs">
            {text.rename}
          </Button>
        )}
        <Checkbox
          label={text.share}
          aria-label={text.shareOf(name)}
          checked={is_shared}
          disabled={is_shared && saved_by !== username}
          onChange={() => void run(changeView(id, { is_shared: !is_shared }))}
          size="xs"
        />
        {isDoomed ? (
          <Group gap={4} wrap="nowrap">
            <Button size="xs" color="red.9" onClick={() => void run(deleteView(id))}>
              {text.confirm}
            </Button>
            <Button size="xs" variant="default" onClick={() => setDoomed(false)}>
              {text.keep}
            </Button>
          </Group>
        ) : (
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={text.remove(name)}
            onClick={() => setDoomed(true)}
          >
            <Trash2 size={16} aria-hidden />
          </ActionIcon>
        )}
      </Group>
    </form>
  );
}
