import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useState } from 'react';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { Failure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import { useMayWrite } from '../server/me.tsx';
import { playgroundAgent } from '../server/operations.generated.ts';
import { callRest } from '../server/rest.ts';
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
 * Saves what a column tries as a version of its agent, which then is the current one. The agent is
 * read with its tag when the dialog opens, so what another person saves meanwhile is not
 * overwritten.
 */
export function SaveVersion({ agent, column, reload, saved }: SaveProps) {
  const mayEdit = useMayWrite('agents');
  const [isOpen, dialog] = useDisclosure(false);
  const [row, setRow] = useState<TaggedAgent>();
  const read = useAction(async () => setRow(await readAgent(agent)));
  const save = useAction(async () => {
    if (row === undefined) return;
    const body = changesOf(row.agent, column);
    await callRest(pathOf(agent), { method: 'PATCH', body, tag: row.tag });
    dialog.close();
    saved();
    reload();
  });
  const readAgain = () => {
    save.clear();
    setRow(undefined);
    read.start();
    reload();
  };
  const open = () => {
    readAgain();
    dialog.open();
  };
  const failure = save.failure ?? read.failure;
  const canReadAgain = save.failure === undefined || isStale(save.failure);
  const isTried = overridesOf(column) !== undefined && isComplete(column);
  if (!mayEdit) return null;
  return (
    <>
      <Group className="column-wide">
        <Button
          size="compact-xs"
          onClick={open}
          disabled={!isTried}
          title={isTried ? undefined : text.saveHint}
        >
          {text.save}
        </Button>
      </Group>
      <Modal opened={isOpen} onClose={dialog.close} title={text.save}>
        <Stack gap="sm">
          <Text size="sm">{text.saveExplain(agent.name)}</Text>
          {column.version !== '' && <Text size="sm">{text.saveFromOld}</Text>}
          {failure && (
            <FailureAlert failure={failure} {...(canReadAgain && { onRetry: readAgain })} />
          )}
          <Group justify="flex-end">
            <Button variant="default" onClick={dialog.close}>
              {messages.common.cancel}
            </Button>
            <Button
              onClick={save.start}
              loading={save.isBusy || read.isBusy}
              disabled={row === undefined}
              data-autofocus
            >
              {text.saveNow}
            </Button>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}

type TaggedAgent = { agent: AgentDetail; tag: string | undefined };

/** Reads an agent after its tag: a change between the two is found when it is saved. */
async function readAgent({ id, name }: AgentDetail): Promise<TaggedAgent> {
  const { tag } = await callRest(pathOf({ id }));
  const { agents } = await request(playgroundAgent, { name });
  const agent = agents?.nodes.find((one) => one?.id === id);
  if (!agent) throw new Failure(text.agentGone(name), 'HWNTF');
  return { agent, tag };
}

function pathOf({ id }: { id: string }): string {
  return `/api/agents/${id}`;
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
