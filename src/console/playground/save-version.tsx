import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import type { Failure } from '../server/failure.ts';
import { useMayWrite } from '../server/me.tsx';
import { callRest, useRest } from '../server/rest.ts';
import {
  type AgentDetail,
  type Column,
  isComplete,
  overridesOf,
  temperatureOf,
} from './columns.ts';

const text = messages.playground;

type SaveProps = { agent: AgentDetail; column: Column; reload(): void; saved(): void };

/**
 * Saves what a column tries as a version of its agent, which then is the current one. The tag is
 * read with the agent, so what another person saves meanwhile is not overwritten.
 */
export function SaveVersion({ agent, column, reload, saved }: SaveProps) {
  const mayEdit = useMayWrite('agents');
  const [isOpen, dialog] = useDisclosure(false);
  const path = `/api/agents/${agent.id}`;
  const row = useRest(mayEdit ? path : undefined);
  const readAgain = () => {
    row.reload();
    reload();
  };
  const { start, failure, clear, isBusy } = useAction(async () => {
    const body = changesOf(agent, column);
    await callRest(path, { method: 'PATCH', body, tag: row.data?.tag });
    dialog.close();
    saved();
    readAgain();
  });
  const retry = () => {
    clear();
    readAgain();
  };
  const isTried = overridesOf(column) !== undefined && isComplete(column);
  if (!mayEdit || !isTried) return null;
  return (
    <>
      <Group className="column-wide">
        <Button size="compact-xs" onClick={dialog.open}>
          {text.save}
        </Button>
      </Group>
      <Modal opened={isOpen} onClose={dialog.close} title={text.save}>
        <Stack gap="sm">
          <Text size="sm">{text.saveExplain(agent.name)}</Text>
          {column.version !== '' && <Text size="sm">{text.saveFromOld}</Text>}
          {failure && (
            <FailureAlert failure={failure} {...(isStale(failure) && { onRetry: retry })} />
          )}
          {!failure && row.failure && <FailureAlert failure={row.failure} onRetry={row.reload} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={dialog.close}>
              {messages.common.cancel}
            </Button>
            <Button onClick={start} loading={isBusy} disabled={!row.data?.tag} data-autofocus>
              {text.saveNow}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

/** Another person has changed the agent since it was read. */
function isStale({ code }: Failure): boolean {
  return code === 'HWCNF';
}

/** Returns the changes of the agent. The chosen model becomes the first, before its fallbacks. */
export function changesOf(agent: AgentDetail, column: Column): JsonObject {
  const known = agent.agentModels.nodes.flatMap((one) =>
    one?.model ? [{ model: one.model.name, request_params: one.requestParams }] : [],
  );
  const name = column.model === '' ? (known[0]?.model ?? 'default') : column.model;
  const chosen = known.find(({ model }) => model === name);
  const temperature = temperatureOf(column.temperature);
  const params = {
    ...paramsOf(chosen?.request_params ?? null),
    ...(temperature !== undefined && { temperature }),
  };
  const isModelChanged = column.model !== '' || temperature !== undefined;
  return {
    ...(column.instruction !== '' && { instruction: column.instruction }),
    ...(isModelChanged && {
      models: [
        { model: name, request_params: params },
        ...known.filter(({ model }) => model !== name),
      ],
    }),
  };
}

function paramsOf(params: Json): JsonObject {
  return isJsonObject(params) ? params : {};
}
