import { Button, Group, Kbd, Select, Stack, Textarea } from '@mantine/core';
import { getHotkeyHandler, useHotkeys } from '@mantine/hooks';
import { useState } from 'react';
import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJsonOrText } from '../../json/parse-json.ts';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { shortcutLabel } from '../parts/use-keys.ts';
import { valueText } from '../parts/value-view.tsx';
import { type ApprovalScope, approveOne, rejectOne } from '../server/operations.generated.ts';
import type { FormProps } from './question-detail.ts';
import { SubmitOrBack } from './submit-or-back.tsx';
import { useSend } from './use-send.ts';

const text = messages.inbox;
type Mode = 'choose' | 'edit' | 'reject';

/** The answer to an approval. A approves, E edits the arguments, R asks for the reason. */
export function ApprovalForm({ question, answered }: FormProps) {
  const { send, failure, isBusy } = useSend(answered);
  const [mode, setMode] = useState<Mode>('choose');
  const [remember, setRemember] = useState<ApprovalScope>();
  const approve = (changed?: JsonObject) =>
    send(approveOne, {
      id: question.id,
      ...(changed && { arguments: changed }),
      ...(remember && { remember }),
    });
  useHotkeys([
    ['A', () => mode === 'choose' && approve()],
    ['E', () => setMode('edit')],
    ['R', () => setMode('reject')],
  ]);
  return (
    <Stack gap="sm">
      {failure && <FailureAlert failure={failure} />}
      {mode === 'choose' && (
        <>
          <Scope remember={remember} setRemember={setRemember} />
          <Choices isBusy={isBusy} approve={() => approve()} setMode={setMode} />
        </>
      )}
      {mode === 'edit' && (
        <EditArguments
          call={question.toolCall}
          isBusy={isBusy}
          approve={approve}
          back={() => setMode('choose')}
        />
      )}
      {mode === 'reject' && (
        <RejectReason
          isBusy={isBusy}
          reject={(reason) => send(rejectOne, { id: question.id, ...(reason && { reason }) })}
          back={() => setMode('choose')}
        />
      )}
    </Stack>
  );
}

type ScopeProps = {
  remember: ApprovalScope | undefined;
  setRemember(scope: ApprovalScope | undefined): void;
};

function Scope({ remember, setRemember }: ScopeProps) {
  const scopes = ['', ...enumLabels.approval_scope] as const;
  return (
    <Select
      label={text.remember}
      data={scopes.map((value) => ({ value, label: text.scopes[value] }))}
      value={remember ?? ''}
      onChange={(value) => setRemember((value || undefined) as ApprovalScope | undefined)}
      allowDeselect={false}
      maw={320}
      size="xs"
    />
  );
}

type ChoicesProps = { isBusy: boolean; approve(): void; setMode(mode: Mode): void };

function Choices({ isBusy, approve, setMode }: ChoicesProps) {
  return (
    <Group gap="xs">
      <Button onClick={approve} loading={isBusy} rightSection={<Kbd size="xs">A</Kbd>}>
        {text.approve}
      </Button>
      <Button
        variant="default"
        onClick={() => setMode('edit')}
        rightSection={<Kbd size="xs">E</Kbd>}
      >
        {text.edit}
      </Button>
      <Button
        variant="default"
        onClick={() => setMode('reject')}
        rightSection={<Kbd size="xs">R</Kbd>}
      >
        {text.reject}
      </Button>
    </Group>
  );
}

type EditProps = {
  call: Json;
  isBusy: boolean;
  approve(changed: JsonObject): void;
  back(): void;
};

function EditArguments({ call, isBusy, approve, back }: EditProps) {
  const [written, setWritten] = useState(
    valueText((isJsonObject(call) ? call.arguments : undefined) ?? {}),
  );
  const read = parseJsonOrText(written);
  const submit = () => isJsonObject(read) && !isBusy && approve(read);
  return (
    <>
      <Textarea
        label={text.arguments}
        description={text.submitKeys(shortcutLabel('Enter'))}
        onKeyDown={getHotkeyHandler([
          ['mod+Enter', submit],
          ['Escape', back],
        ])}
        value={written}
        onChange={(event) => setWritten(event.currentTarget.value)}
        error={isJsonObject(read) ? undefined : text.badArguments}
        autosize
        minRows={4}
        maxRows={20}
        spellCheck={false}
        autoFocus
        ff="monospace"
      />
      <SubmitOrBack
        label={text.approve}
        submit={submit}
        isDisabled={!isJsonObject(read)}
        {...{ back, isBusy }}
      />
    </>
  );
}

type RejectProps = { isBusy: boolean; reject(reason: string): void; back(): void };

function RejectReason({ isBusy, reject, back }: RejectProps) {
  const [reason, setReason] = useState('');
  return (
    <>
      <Textarea
        label={text.rejectReason}
        description={text.submitKeys(shortcutLabel('Enter'))}
        onKeyDown={getHotkeyHandler([
          ['mod+Enter', () => !isBusy && reject(reason.trim())],
          ['Escape', back],
        ])}
        value={reason}
        onChange={(event) => setReason(event.currentTarget.value)}
        autosize
        minRows={2}
        autoFocus
      />
      <SubmitOrBack
        label={text.reject}
        submit={() => reject(reason.trim())}
        isFinal
        {...{ back, isBusy }}
      />
    </>
  );
}
