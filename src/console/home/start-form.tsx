import { Anchor, Button, Group, Select, Text, TextInput } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import { messages } from '../messages/messages.ts';
import { FailureAlert } from '../parts/failure-alert.tsx';
import { useAction } from '../parts/use-action.ts';
import { useKnownNames } from '../runs/use-runs.ts';
import { request } from '../server/graphql.ts';
import { useMayWrite } from '../server/me.tsx';
import { startRun } from '../server/operations.generated.ts';

const text = messages.home;

/** A form that starts a run of an agent. */
export function StartForm({ defaultInput }: { defaultInput: string }) {
  const mayRun = useMayWrite('executions');
  const names = [...(useKnownNames()?.agents.keys() ?? [])];
  const [chosen, setChosen] = useState<string | null>(null);
  const [started, setStarted] = useState<string | null>();
  const [input, setInput] = useState(defaultInput);
  const agent = chosen ?? names.find((name) => name === 'development') ?? names[0] ?? null;
  const { start, failure, isBusy } = useAction(async () => {
    if (agent === null || input.trim() === '') return;
    const { run } = await request(startRun, { agent, input });
    setStarted(run?.result?.id);
    setInput('');
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    start();
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
        <Button type="submit" loading={isBusy} disabled={agent === null || input.trim() === ''}>
          {text.start}
        </Button>
      </Group>
      <Text size="sm" mt={started ? 'xs' : 0} role="status">
        {started && (
          <Anchor component={Link} href={`/runs/${started}`} size="sm">
            {text.watch}
          </Anchor>
        )}
      </Text>
    </form>
  );
}
