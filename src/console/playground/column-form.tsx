import { Button, Group, Select, Textarea, TextInput } from '@mantine/core';
import { useState } from 'react';
import { isJsonObject, type Json } from '../../json/json.ts';
import { AgentChoice } from '../chat/agent-choice.tsx';
import { messages } from '../messages/messages.ts';
import { modelNames, playgroundAgent, playgroundVersion } from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { type AgentDetail, type Column, isRightTemperature, subjectOfColumn } from './columns.ts';
import { SaveVersion } from './save-version.tsx';

const text = messages.playground;

type FormProps = { column: Column; change(next: Partial<Column>): void };

/** The settings of a column. A workflow has no settings for one run. */
export function ColumnForm({ column, change }: FormProps) {
  const { data, reload } = useAnswer(
    playgroundAgent,
    column.agent === '' ? undefined : { name: column.agent },
  );
  const agent = data?.agents?.nodes[0] ?? undefined;
  return (
    <div className="column-form">
      <AgentChoice
        label={text.agent}
        subject={subjectOfColumn(column)}
        change={({ kind, name }) =>
          change({ ...NO_SETTINGS, agent: '', workflow: '', [kind]: name })
        }
      />
      {agent && <Settings agent={agent} column={column} change={change} reload={reload} />}
    </div>
  );
}

const NO_SETTINGS = { version: '', model: '', temperature: '', instruction: '' };

type SettingsProps = FormProps & { agent: AgentDetail; reload(): void };

function Settings({ agent, column, change, reload }: SettingsProps) {
  const { data } = useAnswer(modelNames, {});
  const models = (data?.models?.nodes ?? []).flatMap((one) =>
    one?.purpose === 'llm' ? [one.name] : [],
  );
  const own = agent.agentModels.nodes[0]?.model?.name ?? '';
  const isWrong = !isRightTemperature(column.temperature);
  return (
    <>
      <Select
        size="xs"
        label={text.version}
        data={versionsOf(agent)}
        value={column.version}
        onChange={(version) => change({ version: version ?? '', instruction: '' })}
        allowDeselect={false}
      />
      <Select
        size="xs"
        label={text.model}
        data={[{ value: '', label: text.ownModel(own) }, ...models]}
        value={column.model}
        onChange={(model) => change({ model: model ?? '' })}
        allowDeselect={false}
        searchable
      />
      <TextInput
        size="xs"
        label={text.temperature}
        placeholder={text.own}
        value={column.temperature}
        onChange={(event) => change({ temperature: event.currentTarget.value })}
        error={isWrong ? text.notNumber : undefined}
        inputMode="decimal"
      />
      <Instruction agent={agent} column={column} change={change} />
      <SaveVersion
        agent={agent}
        column={column}
        reload={reload}
        saved={() => change(NO_SETTINGS)}
      />
    </>
  );
}

/** The current version, the labels, and the numbers. */
function versionsOf(agent: AgentDetail) {
  const current = agent.currentVersion?.version ?? 0;
  const labels = agent.versionLabels.nodes.flatMap((one) =>
    one ? [{ value: one.label, label: text.label(one.label, one.version) }] : [],
  );
  const numbers = agent.agentVersions.nodes.flatMap((one) =>
    one ? [{ value: String(one.version), label: text.number(one.version) }] : [],
  );
  return [{ value: '', label: text.current(current) }, ...labels, ...numbers];
}

/** The instruction of the version, which may differ in the runs of this column. */
function Instruction({ agent, column, change }: FormProps & { agent: AgentDetail }) {
  const [isOpen, setOpen] = useState(column.instruction !== '');
  const original = useInstruction(agent, column.version);
  if (!isOpen || original === undefined) {
    return (
      <Group className="column-wide">
        <Button size="compact-xs" variant="default" onClick={() => setOpen(true)}>
          {text.edit}
        </Button>
      </Group>
    );
  }
  return (
    <Textarea
      size="xs"
      className="column-wide"
      label={text.instruction}
      description={text.instructionHint}
      value={column.instruction === '' ? original : column.instruction}
      onChange={({ currentTarget: { value } }) =>
        change({ instruction: value === original ? '' : value })
      }
      autosize
      minRows={3}
      maxRows={12}
    />
  );
}

/** Returns the instruction of a version; undefined until it is loaded. */
function useInstruction(agent: AgentDetail, version: string): string | undefined {
  const labelled = agent.versionLabels.nodes.find((one) => one?.label === version)?.version;
  const number = labelled ?? (/^\d+$/.test(version) ? Number(version) : undefined);
  const { data } = useAnswer(
    playgroundVersion,
    number === undefined ? undefined : { agentId: agent.id, version: number },
  );
  if (number === undefined) return agent.instruction;
  const definition = data?.agentVersions?.nodes[0]?.definition;
  return definition === undefined ? undefined : instructionIn(definition);
}

function instructionIn(definition: Json): string {
  const agent = isJsonObject(definition) ? (definition.agent ?? null) : null;
  const instruction = isJsonObject(agent) ? agent.instruction : undefined;
  return typeof instruction === 'string' ? instruction : '';
}
