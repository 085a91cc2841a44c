import { Anchor, Button, Group, Modal, Stack, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import { Link } from 'wouter';
import type { JsonObject } from '../../json/json.ts';
import { rowTexts } from '../messages/row-texts.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { ValueView } from '../parts/value-view.tsx';
import type { Me } from '../server/me.tsx';
import { callRest } from '../server/rest.ts';
import type { ResourceType } from './resource-types.ts';

/** An action on a row. The page shows the answer to an action without a body. */
export type Action = {
  label: string;
  summary: string;
  method: 'POST' | 'PATCH' | 'DELETE';
  path: string;
  body?: JsonObject;
  /** True if the row is gone afterwards. */
  isRemoval?: boolean;
  /** A field of the body that the person may change first. It is sent only if it was changed. */
  field?: { name: string; label: string; value: string; mustChange?: boolean };
  /** True if the answer is a row that takes the place of this one. */
  isReplacement?: boolean;
};

/** Actions that only some rows have, by type. `pinActions` and its like return them. */
const ACTIONS_BY_ROW: Readonly<Record<string, readonly string[]>> = {
  memories: ['propose', 'reject'],
  'connected-accounts': ['delete'],
};

/**
 * Returns the action that pins a memory of an agent or unpins it; none for rows that cannot be
 * pinned: other memories, external ones and those that are corrected.
 */
export function pinActions(type: ResourceType, row: JsonObject): Action[] {
  const isFit = row.scope === 'agent' && row.trust !== 'external' && row.superseded_by === null;
  if (type.name !== 'memories' || !isFit) return [];
  const isPinned = row.is_pinned === true;
  const { pin, unpin, pinSummary, unpinSummary } = rowTexts.memories;
  return [
    {
      label: isPinned ? unpin : pin,
      summary: isPinned ? unpinSummary : pinSummary,
      method: 'POST',
      path: `${type.path}/${row.id}/pin`,
      body: { is_pinned: !isPinned },
    },
  ];
}

/**
 * Returns the actions on the proposal of a memory of an agent: to propose it, or to decide about it
 * while the proposal is open.
 */
export function proposalActions(type: ResourceType, row: JsonObject): Action[] {
  const isFit = row.scope === 'agent' && row.superseded_by === null;
  if (type.name !== 'memories' || !isFit) return [];
  const { propose, proposeSummary, approve, approveSummary, reject, rejectSummary, text } =
    rowTexts.memories;
  const path = `${type.path}/${row.id}`;
  if (row.proposal_status === null) {
    return [
      {
        ...{ label: propose, summary: proposeSummary },
        ...{ method: 'POST', path: `${path}/propose`, body: {} },
      },
    ];
  }
  if (row.proposal_status !== 'open') return [];
  return [
    {
      ...{ label: approve, summary: approveSummary },
      ...{ method: 'POST', path: `${path}/approve` },
      field: { name: 'content', label: text, value: String(row.content) },
    },
    {
      ...{ label: reject, summary: rejectSummary },
      ...{ method: 'POST', path: `${path}/reject`, body: {} },
    },
  ];
}

/**
 * Returns the action that corrects a memory: the memory with the new text is recalled in its place.
 * None for one that is corrected already.
 */
export function correctActions(type: ResourceType, row: JsonObject): Action[] {
  if (type.name !== 'memories' || row.superseded_by !== null) return [];
  const { correct, correctSummary, text } = rowTexts.memories;
  return [
    {
      ...{ label: correct, summary: correctSummary, isReplacement: true },
      ...{ method: 'POST', path: `${type.path}/${row.id}/correct` },
      field: { name: 'content', label: text, value: String(row.content), mustChange: true },
    },
  ];
}

/** Rows that start something by themselves, so that people pause them. */
const PAUSABLE: readonly string[] = [
  ...['schedules', 'grading-rules', 'inbound-hooks', 'webhooks', 'alert-rules'],
];

/** Returns the action that pauses a row which starts something by itself, or resumes it. */
export function pauseActions(type: ResourceType, row: JsonObject): Action[] {
  if (!PAUSABLE.includes(type.name) || type.change_method !== 'PATCH') return [];
  const { pause, resume, pauseSummary, resumeSummary } = rowTexts.pausing;
  const isActive = row.is_active === true;
  return [
    {
      ...{ label: isActive ? pause : resume, method: 'PATCH', path: `${type.path}/${row.id}` },
      summary: isActive ? pauseSummary(type.one) : resumeSummary(type.one),
      body: { is_active: !isActive },
    },
  ];
}

/**
 * Returns the action that disconnects an account, for the user whose account it is and for those
 * who manage integrations. The row stays, and a new consent connects it again.
 */
export function accountActions(type: ResourceType, row: JsonObject, me: Me): Action[] {
  const isOwn = row.user !== null && row.user === me.username;
  const mayEnd = isOwn || me.permissions.has('integrations:manage');
  if (type.name !== 'connected-accounts' || !mayEnd || row.status === 'revoked') return [];
  const { disconnect, summary } = rowTexts.accounts;
  return [
    {
      ...{ label: disconnect, summary: summary(String(row.integration)) },
      ...{ method: 'DELETE', path: `${type.path}/${row.id}` },
    },
  ];
}

type RowActionsProps = {
  type: ResourceType;
  id: string;
  name: string;
  /** Actions that only this row has. */
  own?: readonly Action[];
  reload(): void;
  removed(): void;
  /** Leads to a row that has taken the place of this one. */
  replaced?(id: string): void;
};

/** The actions on a row besides a change. Each asks once more before it is sent. */
export function RowActions(props: RowActionsProps) {
  const { type, id, name, own = [], reload, removed, replaced } = props;
  const [chosen, choose] = useState<Action>();
  const path = `${type.path}/${id}`;
  const byRow = ACTIONS_BY_ROW[type.name] ?? [];
  const actions = type.actions
    .filter((one) => !byRow.includes(one.name))
    .map(
      (one): Action => ({
        ...{ label: one.label, summary: one.summary },
        ...{ method: 'POST', path: `${path}/${one.name}` },
      }),
    );
  const removal: Action = {
    ...{ label: rowTexts.remove, summary: rowTexts.confirmRemove(type.one, name) },
    ...{ method: 'DELETE', path, isRemoval: true },
  };
  const mayRemove = type.can_delete && !byRow.includes('delete');
  return (
    <>
      {[...own, ...actions, ...(mayRemove ? [removal] : [])].map((action) => (
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
            done={(answer) => {
              if (chosen.isReplacement) replaced?.(String(answer.id));
              else if (chosen.isRemoval) removed();
              else reload();
            }}
          />
        )}
      </Modal>
    </>
  );
}

type ConfirmationProps = { action: Action; close(): void; done(answer: JsonObject): void };

function Confirmation({ action, close, done }: ConfirmationProps) {
  const { field } = action;
  const [text, setText] = useState(field?.value ?? '');
  const [answer, setAnswer] = useState<JsonObject>();
  const { start, failure, isBusy } = useAction(async () => {
    const sent = field ? changedField(field, text) : action.body;
    const { body } = await callRest<JsonObject | ''>(action.path, {
      method: action.method,
      ...(sent && { body: sent }),
    });
    if (action.method === 'DELETE' || sent || body === '') close();
    else setAnswer(body);
    done(body === '' ? {} : body);
  });
  const isUnchanged = field?.mustChange === true && text.trim() === field.value;
  if (answer) return <Answer answer={answer} />;
  return (
    <Stack gap="md">
      <Text size="sm" className="user-text">
        {action.summary}
      </Text>
      {field && (
        <Textarea
          {...{
            label: field.label,
            value: text,
            autosize: true,
            maxRows: 12,
            'data-autofocus': true,
          }}
          onChange={(event) => setText(event.currentTarget.value)}
        />
      )}
      {failure && <FailureAlert failure={failure} />}
      <Choice {...{ action, close, start, isBusy, isUnchanged }} />
    </Stack>
  );
}

/** Returns the body with the field that a person has changed, or an empty one. */
function changedField({ name, value }: { name: string; value: string }, text: string): JsonObject {
  return text === value ? {} : { [name]: text };
}

type ChoiceProps = {
  action: Action;
  close(): void;
  start(): void;
  isBusy: boolean;
  isUnchanged: boolean;
};

function Choice({ action, close, start, isBusy, isUnchanged }: ChoiceProps) {
  return (
    <Group justify="flex-end" gap="xs">
      <Button variant="default" onClick={close}>
        {rowTexts.keep}
      </Button>
      <Button
        {...(action.method === 'DELETE' && { color: 'red.9' })}
        onClick={start}
        loading={isBusy}
        disabled={isUnchanged}
      >
        {action.label}
      </Button>
    </Group>
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
