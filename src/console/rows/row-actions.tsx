import { Anchor, Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { JsonObject } from '../../json/json.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { ValueView } from '../parts/value-view.tsx';
import { callRest } from '../server/rest.ts';
import type { ResourceType } from './resource-types.ts';

type Action = { label: string; summary: string; method: 'POST' | 'DELETE'; path: string };

type RowActionsProps = {
  type: ResourceType;
  id: string;
  name: string;
  reload(): void;
  removed(): void;
};

/** The actions on a row besides a change. Each asks once more before it is sent. */
export function RowActions({ type, id, name, reload, removed }: RowActionsProps) {
  const [chosen, choose] = useState<Action>();
  const own = `${type.path}/${id}`;
  const actions: Action[] = type.actions.map((one) => ({
    ...{ label: one.label, summary: one.summary },
    ...{ method: 'POST', path: `${own}/${one.name}` },
  }));
  const removal: Action = {
    ...{ label: rowTexts.remove, summary: rowTexts.confirmRemove(type.one, name) },
    ...{ method: 'DELETE', path: own },
  };
  return (
    <>
      {[...actions, ...(type.can_delete ? [removal] : [])].map((action) => (
        <Button key={action.label} size="xs" variant="default" onClick={() => choose(action)}>
          {action.label}
        </Button>
      ))}
      <Modal
        opened={chosen !== undefined}
        onClose={() => choose(undefined)}
        title={chosen && rowTexts.confirmAction(chosen.label, name)}
      >
        {chosen && (
          <Confirmation
            action={chosen}
            close={() => choose(undefined)}
            done={chosen === removal || chosen.method === 'DELETE' ? removed : reload}
          />
        )}
      </Modal>
    </>
  );
}

type ConfirmationProps = { action: Action; close(): void; done(): void };

function Confirmation({ action, close, done }: ConfirmationProps) {
  const [answer, setAnswer] = useState<JsonObject>();
  const { start, failure, isBusy } = useAction(async () => {
    const { body } = await callRest<JsonObject | ''>(action.path, { method: action.method });
    if (action.method === 'DELETE' || body === '') close();
    else setAnswer(body);
    done();
  });
  if (answer) return <Answer answer={answer} />;
  return (
    <Stack gap="md">
      <Text size="sm" className="user-text">
        {action.summary}
      </Text>
      {failure && <FailureAlert failure={failure} />}
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={close}>
          {rowTexts.keep}
        </Button>
        <Button
          {...(action.method === 'DELETE' && { color: 'red' })}
          onClick={start}
          loading={isBusy}
        >
          {action.label}
        </Button>
      </Group>
    </Stack>
  );
}

function Answer({ answer }: { answer: JsonObject }) {
  return (
    <Stack gap="sm">
      {typeof answer.root_execution_id === 'string' && (
        <Anchor component={Link} href={`/runs/${answer.id}`} size="sm">
          {rowTexts.openRun}
        </Anchor>
      )}
      <ValueView value={answer} label={rowTexts.answer} />
    </Stack>
  );
}
