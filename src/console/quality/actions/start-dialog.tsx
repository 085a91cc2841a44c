import { Button, Group, Modal, NumberInput, Select, Stack, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Play } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { useLocation } from 'wouter';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { apiUrl } from '../../server/base-path.ts';
import { toFailure } from '../../server/failure.ts';
import { useMayWrite } from '../../server/me.tsx';
import { agentNames, datasetNames, modelNames } from '../../server/operations.generated.ts';
import { callRest } from '../../server/rest.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { copyStart, type NewEvaluation } from '../copy-quality.ts';
import { evaluationPage } from '../quality-rows.ts';

const text = qualityTexts.start;

/** The button that opens the form of a new evaluation, for those who may start runs. */
export function StartButton({ dataset }: { dataset: string | undefined }) {
  const mayRun = useMayWrite('executions');
  const [isOpen, dialog] = useDisclosure(false);
  if (!mayRun) return null;
  return (
    <>
      <Button size="xs" leftSection={<Play size={14} aria-hidden />} onClick={dialog.open}>
        {text.button}
      </Button>
      <Modal opened={isOpen} onClose={dialog.close} title={text.title}>
        <StartForm dataset={dataset} />
      </Modal>
    </>
  );
}

type Written = {
  dataset: string | null;
  who: string | null;
  version: string;
  repeat: number | string;
  split: string;
  model: string | null;
  itemsAt: string;
};
type Faults = Readonly<Record<string, string>>;
/** Fields of the request that one field of the form writes. */
const FIELD_OF: Readonly<Record<string, keyof Written>> = {
  ...{ agent: 'who', workflow: 'who', items_at: 'itemsAt' },
};

function StartForm({ dataset }: { dataset: string | undefined }) {
  const { written, change, faults, submit, failure, isBusy } = useStart(dataset);
  const choices = useChoices();
  const hasPlacedFault = Object.keys(faults).some((name) => name in written);
  return (
    <Stack component="form" gap="sm" onSubmit={submit}>
      {failure && !hasPlacedFault && <FailureAlert failure={failure} />}
      <Select
        label={text.dataset}
        data={choices.datasets}
        value={written.dataset}
        onChange={(next) => change({ dataset: next })}
        error={faults.dataset}
        searchable
        withAsterisk
      />
      <Select
        label={text.who}
        data={choices.who}
        value={written.who}
        onChange={(next) => change({ who: next })}
        error={faults.who}
        searchable
        withAsterisk
      />
      <OptionFields {...{ written, change, faults }} models={choices.models} />
      <Group justify="flex-end" gap="xs">
        {written.dataset !== null && written.who !== null && (
          <CopyAs forms={copyStart(readNamed(written, choices), apiUrl('/'))} />
        )}
        <Button type="submit" loading={isBusy}>
          {text.submit}
        </Button>
      </Group>
    </Stack>
  );
}

type OptionFieldsProps = {
  written: Written;
  change(next: Partial<Written>): void;
  faults: Faults;
  models: string[];
};

/** The fields that have a default. */
function OptionFields({ written, change, faults, models }: OptionFieldsProps) {
  return (
    <>
      <TextInput
        label={text.version}
        description={text.versionHint}
        value={written.version}
        onChange={(event) => change({ version: event.currentTarget.value })}
        error={faults.version}
      />
      <NumberInput
        label={text.repeat}
        description={text.repeatHint}
        value={written.repeat}
        onChange={(next) => change({ repeat: next })}
        allowDecimal={false}
        error={faults.repeat}
      />
      <TextInput
        label={text.split}
        description={text.splitHint}
        value={written.split}
        onChange={(event) => change({ split: event.currentTarget.value })}
        error={faults.split}
      />
      <Select
        label={text.model}
        description={text.modelHint}
        data={models}
        value={written.model}
        onChange={(next) => change({ model: next })}
        error={faults.model}
        searchable
        clearable
      />
      <TextInput
        label={text.itemsAt}
        description={text.itemsAtHint}
        type="datetime-local"
        step={1}
        value={written.itemsAt}
        onChange={(event) => change({ itemsAt: event.currentTarget.value })}
        error={faults.itemsAt}
      />
    </>
  );
}

type Choice = { value: string; label: string };
type Choices = {
  datasets: Choice[];
  who: { group: string; items: Choice[] }[];
  models: string[];
};

/** What there is to choose from. The value of an agent or a workflow begins with its kind. */
function useChoices(): Choices {
  const sets = useAnswer(datasetNames, {}).data?.datasets?.nodes ?? [];
  const names = useAnswer(agentNames, {}).data;
  const models = useAnswer(modelNames, {}).data?.models?.nodes ?? [];
  const choices = (kind: string, nodes: readonly ({ name: string } | null)[] | undefined) =>
    (nodes ?? []).flatMap((one) =>
      one === null ? [] : [{ value: `${kind} ${one.name}`, label: one.name }],
    );
  return {
    datasets: sets.flatMap((one) => (one === null ? [] : [{ value: one.id, label: one.name }])),
    who: [
      { group: text.agents, items: choices('agent', names?.agents?.nodes) },
      { group: text.workflows, items: choices('workflow', names?.workflows?.nodes) },
    ],
    models: models.flatMap((one) => (one?.purpose === 'llm' ? [one.name] : [])),
  };
}

function useStart(dataset: string | undefined) {
  const [, navigate] = useLocation();
  const [written, setWritten] = useState<Written>({
    ...{
      dataset: dataset ?? null,
      who: null,
      version: '',
      repeat: 1,
      split: '',
      model: null,
      itemsAt: '',
    },
  });
  const [faults, setFaults] = useState<Faults>({});
  const [key, setKey] = useState<string>(() => crypto.randomUUID());
  const { start, failure, isBusy } = useAction(async () => {
    const found = faultsIn(written);
    setFaults(found);
    if (Object.keys(found).length > 0) return;
    try {
      const body = { ...readWritten(written) };
      const made = await callRest<{ id: string }>('/api/evaluations', {
        ...{ method: 'POST', body, key },
      });
      navigate(evaluationPage(made.body.id));
    } catch (error) {
      setFaults(placeFaults(toFailure(error).faults));
      throw error;
    }
  });
  const change = (next: Partial<Written>) => {
    setWritten((last) => ({ ...last, ...next }));
    setFaults({});
    setKey(crypto.randomUUID());
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start();
  };
  return { written, change, faults, submit, failure, isBusy };
}

function faultsIn({ dataset, who, repeat }: Written): Faults {
  return {
    ...(dataset === null && { dataset: text.chooseDataset }),
    ...(who === null && { who: text.chooseWho }),
    ...(!Number.isInteger(repeat) && repeat !== '' && { repeat: text.notNumber }),
  };
}

const placeFaults = (faults: Faults): Faults =>
  Object.fromEntries(
    Object.entries(faults).map(([name, fault]) => [FIELD_OF[name] ?? name, fault]),
  );

function readWritten({
  dataset,
  who,
  version,
  repeat,
  split,
  model,
  itemsAt,
}: Written): NewEvaluation {
  const [kind = '', ...name] = (who ?? '').split(' ');
  return {
    dataset: dataset ?? '',
    ...(kind === 'workflow' ? { workflow: name.join(' ') } : { agent: name.join(' ') }),
    ...(version.trim() !== '' && { version: version.trim() }),
    ...(typeof repeat === 'number' && repeat !== 1 && { repeat }),
    ...(split.trim() !== '' && { split: split.trim() }),
    ...(model !== null && { model }),
    ...(itemsAt !== '' && { items_at: new Date(itemsAt).toISOString() }),
  };
}

/** Reads what is written, with the name of the data set in place of its id. */
function readNamed(written: Written, { datasets }: Choices): NewEvaluation {
  const name = datasets.find(({ value }) => value === written.dataset)?.label;
  return { ...readWritten(written), ...(name !== undefined && { dataset: name }) };
}
