import { Button, Group, Loader, Stack, Text, Title } from '@mantine/core';
import { useState } from 'react';
import type { Json, JsonObject } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { curlCommand } from '../parts/command-line.ts';
import { CopyAs } from '../parts/copy-as.tsx';
import { FailureAlert } from '../parts/failure-alert.tsx';
import type { Forms } from '../parts/forms.ts';
import { isEmptyValue, ValueView } from '../parts/value-view.tsx';
import { apiUrl } from '../server/base-path.ts';
import { useRest } from '../server/rest.ts';

const text = messages.request;

/** The request of a step, as `GET /api/executions/{id}/steps/{seq}/request` returns it. */
type StepRequest = {
  model: { name: string; provider: string; model: string; request_params: JsonObject };
  messages: {
    role: string;
    content: string | null;
    parts?: Json;
    tool_calls?: Json;
    tool_call_id?: string;
  }[];
  tools: Json[];
  tool_choice: string | null;
  output_schema: Json;
};

type RequestPartProps = { runId: string; seq: number };

/** The request that a step sent to its model. It is asked for when it is opened. */
export function RequestPart({ runId, seq }: RequestPartProps) {
  const [isOpen, setOpen] = useState(false);
  const path = requestPath(runId, seq);
  const { data, failure, isLoading, reload } = useRest<StepRequest>(isOpen ? path : undefined);
  return (
    <div>
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          aria-expanded={isOpen}
          onClick={() => setOpen(!isOpen)}
        >
          {isOpen ? text.hide : text.show}
        </Button>
        {isOpen && <CopyAs forms={copyRequest(runId, seq)} />}
      </Group>
      {isOpen && isLoading && <Loader size="sm" mt="xs" aria-label={messages.common.loading} />}
      {failure && <FailureAlert failure={failure} onRetry={reload} />}
      {data && <RequestView request={data.body} />}
    </div>
  );
}

function RequestView({ request }: { request: StepRequest }) {
  const { model, tools, tool_choice, output_schema } = request;
  return (
    <Stack gap="xs" mt="xs" component="section" aria-label={text.title}>
      <Text size="xs" c="dimmed">
        {text.explain}
      </Text>
      <Text size="sm" className="user-text">
        {text.model(model.name, model.provider, model.model)}
      </Text>
      <Named title={text.params} value={model.request_params} />
      <Title order={3} size="h6">
        {text.messages(request.messages.length)}
      </Title>
      {request.messages.map(({ role, content, parts, tool_calls, tool_call_id }, index) => (
        <article className="message" data-role={role} key={index}>
          <Text size="xs" fw={600} mb={4} className="user-text">
            {tool_call_id ? `${role} · ${tool_call_id}` : role}
          </Text>
          {!isEmptyValue(content) && <ValueView value={content} label={role} />}
          {!isEmptyValue(parts) && <ValueView value={parts ?? null} label={role} />}
          {!isEmptyValue(tool_calls) && <ValueView value={tool_calls ?? null} label={role} />}
        </article>
      ))}
      <Named title={text.tools(tools.length)} value={tools} />
      <Named title={text.toolChoice} value={tool_choice} />
      <Named title={text.schema} value={output_schema} />
    </Stack>
  );
}

function Named({ title, value }: { title: string; value: Json }) {
  if (isEmptyValue(value)) return null;
  return (
    <div>
      <Title order={3} size="h6" mb={4}>
        {title}
      </Title>
      <ValueView value={value} label={title} />
    </div>
  );
}

const requestPath = (runId: string, seq: number) => `/api/executions/${runId}/steps/${seq}/request`;

/** Returns the request for the request of a step in each language that has it. */
function copyRequest(runId: string, seq: number): Forms {
  const url = apiUrl(requestPath(runId, seq));
  return {
    graphql: `query {\n  stepRequest(executionId: "${runId}", seq: ${seq})\n}`,
    curl: curlCommand(url),
    cli: `npx howdah show ${runId}/${seq} --request`,
  };
}
