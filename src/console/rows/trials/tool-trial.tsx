import { Anchor, Button, Group, Paper, Select, Stack, Text, Textarea, Title } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { Link } from 'wouter';
import type { JsonObject } from '../../../json/json.ts';
import { isJsonObject } from '../../../json/json.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { AnswerView } from '../../answers/answer-view.tsx';
import { copyStart } from '../../answers/copy-start.ts';
import { useRunAnswer } from '../../answers/use-run-answer.ts';
import { fieldsOf } from '../../inbox/schema-fields.ts';
import { SchemaForm } from '../../inbox/schema-form.tsx';
import { rowTexts } from '../../messages/row-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { useAction } from '../../parts/use-action.ts';
import { apiUrl } from '../../server/base-path.ts';
import { request } from '../../server/graphql.ts';
import { useMayWrite } from '../../server/me.tsx';
import { askAgent } from '../../server/operations.generated.ts';

const text = rowTexts.toolTrial;

/**
 * A form of the arguments of a tool. It starts a run of one of its agents that makes the one call,
 * so approvals, limits and the log are those of any run.
 */
export function ToolTrial({ tool }: { tool: JsonObject }) {
  const mayTry = useMayWrite('agents') && useMayWrite('executions');
  const agents = Array.isArray(tool.agents) ? tool.agents.map(String) : [];
  if (!mayTry) return null;
  return (
    <section aria-label={text.title}>
      <Title order={2} size="h5" mb="sm">
        {text.title}
      </Title>
      {agents.length === 0 ? (
        <Text size="sm">{text.noAgent}</Text>
      ) : (
        <TrialForm tool={tool} agents={agents} />
      )}
    </section>
  );
}

function TrialForm({ tool, agents }: { tool: JsonObject; agents: readonly string[] }) {
  const [agent, setAgent] = useState(agents[0] ?? '');
  const [run, setRun] = useState<string>();
  const [message, setMessage] = useState('{}');
  const overrides = { tool: String(tool.name) };
  const { start, failure, isBusy } = useAction(async (values: JsonObject) => {
    const input = JSON.stringify(values);
    setMessage(input);
    setRun(undefined);
    const metadata = { playground: true };
    const started = await request(askAgent, { agent, input, overrides, metadata });
    setRun(started.run?.result?.id);
  });
  const fields = fieldsOf(tool.parameters ?? null);
  return (
    <Paper withBorder radius="md" p="md">
      <Stack gap="sm">
        <Group justify="space-between" align="flex-start" gap="xs">
          <Text size="sm" c="dimmed" maw={560}>
            {text.explain}
          </Text>
          <CopyAs forms={copyStart({ agent, message, overrides }, apiUrl('/'))} />
        </Group>
        <Select
          label={text.agent}
          data={[...agents]}
          value={agent}
          onChange={(next) => next && setAgent(next)}
          allowDeselect={false}
          maw={480}
        />
        {fields ? (
          <SchemaForm fields={fields} isBusy={isBusy} submit={start} label={text.call} />
        ) : (
          <JsonArguments isBusy={isBusy} submit={start} />
        )}
        {failure && <FailureAlert failure={failure} />}
        {run && <TrialAnswer key={run} id={run} />}
      </Stack>
    </Paper>
  );
}

type ArgumentsProps = { isBusy: boolean; submit(values: JsonObject): void };

/** The arguments as JSON, for a schema without named fields. */
function JsonArguments({ isBusy, submit }: ArgumentsProps) {
  const [written, setWritten] = useState('{}');
  const [isWrong, setWrong] = useState(false);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    const values = readObject(written);
    setWrong(values === undefined);
    if (values) submit(values);
  };
  return (
    <Stack component="form" gap="sm" onSubmit={onSubmit} maw={480}>
      <Textarea
        label={text.arguments}
        value={written}
        onChange={(event) => setWritten(event.currentTarget.value)}
        error={isWrong ? text.notObject : undefined}
        classNames={{ input: 'json-input' }}
        autosize
        minRows={3}
      />
      <Group>
        <Button type="submit" loading={isBusy}>
          {text.call}
        </Button>
      </Group>
    </Stack>
  );
}

function readObject(written: string): JsonObject | undefined {
  try {
    const value = parseJson(written);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What the call returned or asks, as it comes. */
function TrialAnswer({ id }: { id: string }) {
  const { run, answer, question, failure, restart } = useRunAnswer(id);
  return (
    <div className="tool-answer" aria-live="polite">
      {failure && <FailureAlert failure={failure} onRetry={restart} />}
      {run && <AnswerView run={run} answer={answer} questionId={question} />}
      <Anchor component={Link} href={`/runs/${id}`} size="sm">
        {rowTexts.openRun}
      </Anchor>
    </div>
  );
}
