import { Button, Group, Select, Text, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useKnownNames } from '../runs/use-runs.ts';
import { type Failure, toFailure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import { useMayWrite } from '../server/me.tsx';
import { startRun } from '../server/operations.generated.ts';

const text = messages.home;

/** A form that starts a run of an agent. */
export function StartForm({ defaultInput }: { defaultInput: string }) {
  const mayRun = useMayWrite('executions');
  const names = [...(useKnownNames()?.agents.keys() ?? [])];
  const [chosen, setChosen] = useState<string | null>(null);
  const [input, setInput] = useState(defaultInput);
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  const agent = chosen ?? names.find((name) => name === 'development') ?? names[0] ?? null;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (agent === null || input.trim() === '') return;
    setBusy(true);
    setFailure(undefined);
    try {
      await request(startRun, { agent, input });
    } catch (error) {
      setFailure(toFailure(error));
    }
    setBusy(false);
  };
  if (!mayRun) return <Text size="sm">{messages.common.readOnly}</Text>;
  return (
    <form onSubmit={submit}>
      {failure && <FailureAlert failure={failure} />}
      <Group align="flex-end" gap="xs">
        <Select
          label={text.agent}
          data={names}
          value={agent}
          onChange={setChosen}
          searchable
          w={180}
        />
        <TextInput
          label={text.input}
          value={input}
          onChange={(event) => setInput(event.currentTarget.value)}
          flex="1 1 14rem"
        />
        <Button type="submit" loading={isBusy} disabled={agent === null}>
          {text.start}
        </Button>
      </Group>
    </form>
  );
}
