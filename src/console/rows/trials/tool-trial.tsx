import { Anchor, Group, Loader, Paper, Select, Stack, Text, Title } from '@mantine/core';
import { useRef, useState } from 'react';
import { Link } from 'wouter';
import type { JsonObject } from '../../../json/json.ts';
import { AnswerView } from '../../answers/answer-view.tsx';
import { copyStart } from '../../answers/copy-start.ts';
import { useRunAnswer } from '../../answers/use-run-answer.ts';
import { JsonForm } from '../../inbox/json-form.tsx';
import { allowsMoreFields, beginFields, fieldsOf, readFields } from '../../inbox/schema-fields.ts';
import { SchemaForm } from '../../inbox/schema-form.tsx';
import { messages } from '../../messages/messages.ts';
import { rowTexts } from '../../messages/row-texts.ts';
import { CopyAs } from '../../parts/copy-as.tsx';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { Status } from '../../parts/status.tsx';
import { useAction } from '../../parts/use-action.ts';
import { apiUrl } from '../../server/base-path.ts';
import { Failure, UNREACHABLE } from '../../server/failure.ts';
import { request } from '../../server/graphql.ts';
import { useMayWrite } from '../../server/me.tsx';
import { askAgent, toolHolders } from '../../server/operations.generated.ts';
import { useAnswer } from '../../server/use-answer.ts';
import { holdersOf, holdersQuery } from './tool-holders.ts';

const text = rowTexts.toolTrial;

/**
 * A form of the arguments of a tool. It starts a run of one of its agents that makes the one call,
 * so approvals, limits and the log are those of any run.
 */
export function ToolTrial({ tool }: { tool: JsonObject }) {
  const mayEdit = useMayWrite('agent_tools');
  const mayRun = useMayWrite('executions');
  const mayTry = mayEdit && mayRun;
  const { data, failure, reload } = useAnswer(toolHolders, mayTry ? holdersQuery(tool) : undefined);
  const agents = data && holdersOf(tool, data);
  if (!mayTry) return null;
  return (
    <section aria-label={text.title}>
      <Title order={2} size="h5" mb="sm">
        {text.title}
      </Title>
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {!agents && !failure && <Loader size="sm" aria-label={messages.common.loading} />}
      {agents?.length === 0 && <Text size="sm">{text.noAgent}</Text>}
      {agents && agents.length > 0 && <TrialForm tool={tool} agents={agents} />}
    </section>
  );
}

function TrialForm({ tool, agents }: { tool: JsonObject; agents: readonly string[] }) {
  const [agent, setAgent] = useState(agents[0] ?? '');
  const fields = fieldsOf(tool.parameters ?? null);
  const [message, setMessage] = useState(() =>
    JSON.stringify(fields ? readFields(fields, beginFields(fields)).value : {}),
  );
  const overrides = { tool: String(tool.name) };
  const { run, start, failure, isBusy } = useTrial(agent, overrides);
  const form = { isBusy, submit: start, label: text.call };
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
          <SchemaForm
            {...{ ...form, fields }}
            allowsMore={allowsMoreFields(tool.parameters ?? null)}
            onChange={(values) => setMessage(JSON.stringify(values))}
          />
        ) : (
          <JsonForm {...form} onChange={setMessage} />
        )}
        {failure && <FailureAlert failure={failure} />}
        {run && <TrialAnswer key={run} id={run} />}
      </Stack>
    </Paper>
  );
}

/**
 * Starts calls. A call whose answer was lost keeps its key, so that the same one is not made twice.
 */
function useTrial(agent: string, overrides: { tool: string }) {
  const [run, setRun] = useState<string>();
  const sent = useRef({ call: '', key: '' });
  const action = useAction(async (values: JsonObject) => {
    const input = JSON.stringify(values);
    const call = JSON.stringify([agent, input]);
    if (sent.current.call !== call) sent.current = { call, key: crypto.randomUUID() };
    const started = await request(askAgent, {
      ...{ agent, input, overrides, metadata: { playground: true } },
      idempotencyKey: sent.current.key,
    });
    const id = started.run?.result?.id;
    if (id === undefined) throw new Failure(text.noRun, UNREACHABLE);
    sent.current = { call: '', key: '' };
    setRun(id);
  });
  return { ...action, run };
}

/** The result of the call, or its question, as it comes. */
function TrialAnswer({ id }: { id: string }) {
  const { run, answer, question, isMissing, failure, restart } = useRunAnswer(id);
  return (
    <div className="tool-answer">
      {failure && <FailureAlert failure={failure} onRetry={restart} />}
      {!run && !isMissing && !failure && <Loader size="sm" aria-label={messages.common.loading} />}
      {isMissing && <Text size="sm">{messages.run.notFound}</Text>}
      <div role="status">{run && <Status status={run.status} waitingFor={run.waitingFor} />}</div>
      {run && <AnswerView run={run} answer={answer} questionId={question} />}
      <Anchor component={Link} href={`/runs/${id}`} size="sm">
        {rowTexts.openRun}
      </Anchor>
    </div>
  );
}
