import { Button, Group, Modal, Select, Stack, Text, Textarea } from '@mantine/core';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { isJsonObject, type Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { formatTime } from '../messages/format.ts';
import { messages } from '../messages/messages.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { isEmptyValue, valueText } from '../parts/value-view.tsx';
import { apiUrl } from '../server/base-path.ts';
import { request } from '../server/graphql.ts';
import {
  type ForkVersions,
  forkRun,
  forkVersions,
  modelNames,
} from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { copyFork, type NewFork } from './copy-fork.ts';

const text = messages.fork;

/** The run that is forked. Its input matters for a fork from the beginning alone. */
export type ForkedRun = {
  id: string;
  input: string;
  inputData: Json | null;
  workflow: { name: string } | null;
};

type ForkDialogProps = { run: ForkedRun; seq: number; isOpen: boolean; close(): void };

/** The dialog of a fork: from the beginning with another input, or after a step. */
export function ForkDialog({ run, seq, isOpen, close }: ForkDialogProps) {
  return (
    <Modal opened={isOpen} onClose={close} title={text.title} size="lg">
      <Stack gap="sm">
        <Text size="sm">{text.explain(seq)}</Text>
        <ForkForm run={run} seq={seq} close={close} />
      </Stack>
    </Modal>
  );
}

function ForkForm({ run, seq, close }: Omit<ForkDialogProps, 'isOpen'>) {
  const [, navigate] = useLocation();
  const original = seq > 0 || isEmptyValue(run.inputData) ? '' : valueText(run.inputData);
  const [written, setWritten] = useState({ input: seq === 0 ? run.input : '', data: original });
  const [version, setVersion] = useState<number>();
  const [model, setModel] = useState<string>();
  const { data: forked, failure: unread, reload } = useAnswer(forkVersions, { id: run.id });
  // Data that is not changed is not sent, so that it is copied exactly
  const parsed = written.data === original ? null : parseData(written.data);
  const fork = forkOf(run, seq, { input: written.input, data: parsed, version, model });
  const { start, failure, isBusy } = useAction(async () => {
    const { forkExecution } = await request(forkRun, fork);
    close();
    navigate(`/runs/${forkExecution?.result?.id ?? ''}`);
  });
  return (
    <>
      {(seq === 0 || run.workflow === null) && (
        <Area
          label={seq === 0 ? text.input : text.added}
          value={written.input}
          change={(input) => setWritten({ ...written, input })}
          isFirst
        />
      )}
      {original !== '' && (
        <Area
          label={text.data}
          value={written.data}
          change={(data) => setWritten({ ...written, data })}
          error={parsed === undefined ? text.invalid : undefined}
        />
      )}
      {unread && <FailureAlert failure={unread} onRetry={reload} />}
      <VersionChoice {...{ seq, version }} run={forked?.execution} choose={setVersion} />
      {callsModel(forked?.execution) && <ModelChoice model={model} choose={setModel} />}
      {failure && <FailureAlert failure={failure} />}
      <Group justify="flex-end">
        <CopyAs forms={copyFork(fork, apiUrl(`/api/executions/${run.id}/fork`))} />
        <Button variant="default" onClick={close}>
          {messages.common.cancel}
        </Button>
        <Button onClick={start} loading={isBusy} disabled={parsed === undefined}>
          {text.submit}
        </Button>
      </Group>
    </>
  );
}

type AreaProps = {
  label: string;
  value: string;
  change(value: string): void;
  error?: string | undefined;
  isFirst?: boolean;
};

function Area({ label, value, change, error, isFirst = false }: AreaProps) {
  return (
    <Textarea
      label={label}
      value={value}
      onChange={(event) => change(event.currentTarget.value)}
      error={error}
      autosize
      minRows={3}
      maxRows={14}
      data-autofocus={isFirst || undefined}
    />
  );
}

type Forked = ForkVersions['execution'] | undefined;

/** Returns whether a run calls models: that of an agent without an external engine or one tool. */
function callsModel(run: Forked): boolean {
  const hasTool = isJsonObject(run?.overrides) && 'tool' in run.overrides;
  return run?.agent?.engine === 'builtin' && !hasTool;
}

type VersionChoiceProps = {
  run: Forked;
  seq: number;
  version: number | undefined;
  choose(version: number | undefined): void;
};

/** The version that the fork runs: that of the original, or another one. */
function VersionChoice({ run, seq, version, choose }: VersionChoiceProps) {
  const { own, all } = versionsOf(run);
  if (all.length < 2) return null;
  return (
    <Select
      label={text.version}
      description={seq > 0 ? text.versionLater : undefined}
      data={[
        { value: '', label: text.sameVersion(own) },
        ...all
          .filter((one) => one.version !== own)
          .map((one) => ({
            value: String(one.version),
            label: text.versionOf(one.version, formatTime(one.createdAt)),
          })),
      ]}
      value={version === undefined ? '' : String(version)}
      onChange={(value) => choose(value ? Number(value) : undefined)}
      allowDeselect={false}
    />
  );
}

type ModelChoiceProps = { model: string | undefined; choose(model: string | undefined): void };

/** The model that the fork uses: that of the original, or another one. */
function ModelChoice({ model, choose }: ModelChoiceProps) {
  const { data, failure, reload } = useAnswer(modelNames, {});
  const names = data?.models?.nodes.flatMap((one) => (one?.purpose === 'llm' ? [one.name] : []));
  if (failure) return <FailureAlert failure={failure} onRetry={reload} />;
  return (
    <Select
      label={text.model}
      data={[
        { value: '', label: text.sameModel },
        ...(names ?? []).map((name) => ({ value: `model ${name}`, label: name })),
      ]}
      value={model === undefined ? '' : `model ${model}`}
      onChange={(value) => choose(value ? value.replace(/^model /, '') : undefined)}
      allowDeselect={false}
      searchable
    />
  );
}

/** Returns the version of a run, and all versions of its agent or workflow. */
function versionsOf(run: Forked) {
  const all = run?.workflow?.workflowVersions.nodes ?? run?.agent?.agentVersions.nodes ?? [];
  const own = (run?.workflowVersion ?? run?.agentVersion)?.version;
  return { own, all: all.filter((one) => one !== null) };
}

/** Reads the data of a form. Returns undefined if it is not JSON, such as an empty text. */
function parseData(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

type Written = {
  input: string;
  data: Json | undefined;
  version: number | undefined;
  model: string | undefined;
};

/** Only what the person changed is sent, so that the rest is copied exactly. */
function forkOf(run: ForkedRun, seq: number, { input, data, version, model }: Written): NewFork {
  const isChanged = seq === 0 ? input !== run.input : input.trim() !== '';
  return {
    ...{ id: run.id, seq },
    ...(isChanged && { input }),
    ...(data !== null && data !== undefined && { inputData: data }),
    ...(version !== undefined && { version }),
    ...(model !== undefined && { overrides: { model } }),
  };
}
