import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Usage } from '../../contracts/agents/usage.ts';
import type { Message } from '../../contracts/runs/message.ts';
import type { RunContext } from '../../contracts/runs/run-context.ts';
import { isCached, type StepRecord } from '../../contracts/runs/step.ts';
import type { Attributes } from './otlp.ts';

/** The properties that all steps of one run share. */
export type StepPlace = {
  context: RunContext;
  definition: AgentDefinition;
  /** True when spans contain the texts of models and tools. */
  capturesContent: boolean;
};

type Described = {
  name: string;
  kind: 'internal' | 'client';
  attributes: Attributes;
  error?: string | undefined;
};

/** Builds the span of a model request, with the OpenTelemetry conventions for generative AI. */
export function modelSpan(
  step: StepRecord,
  operation: 'chat' | 'embeddings',
  { context, definition, capturesContent }: StepPlace,
  input?: readonly Message[],
): Described {
  const model = definition.models.find(({ name }) => name === step.name);
  const modelId = model?.model ?? step.name ?? 'unknown';
  const { finish_reason, usage } = (step.output ?? {}) as {
    finish_reason?: string;
    usage?: Partial<Usage>;
  };
  return {
    name: `${operation} ${modelId}`,
    kind: 'client',
    attributes: {
      'gen_ai.operation.name': operation,
      'gen_ai.provider.name': model?.provider ?? 'unknown',
      'gen_ai.request.model': modelId,
      ...requestAttributes(model),
      ...(finish_reason ? { 'gen_ai.response.finish_reasons': [finish_reason] } : {}),
      'gen_ai.usage.input_tokens': step.tokens_in,
      'gen_ai.usage.output_tokens': step.tokens_out,
      'gen_ai.usage.cache_read.input_tokens': usage?.cached_tokens,
      'gen_ai.usage.cache_creation.input_tokens': usage?.cache_write_tokens,
      ...(capturesContent && input ? { 'gen_ai.input.messages': textOf(input) } : {}),
      ...(capturesContent ? { 'gen_ai.output.messages': outputOf(step, finish_reason) } : {}),
      ...common(step, context, definition),
    },
    ...failure(step),
  };
}

/** Builds the span of a tool call. */
export function toolSpan(
  step: StepRecord,
  { context, definition, capturesContent }: StepPlace,
): Described {
  const tool = definition.tools.find(({ name }) => name === step.name);
  return {
    name: `execute_tool ${step.name ?? ''}`.trimEnd(),
    kind: 'internal',
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': step.name,
      'gen_ai.tool.type': typeOf(tool?.kind, step.name),
      'gen_ai.tool.call.id': step.call_id,
      'howdah.tool.kind': tool?.kind,
      ...(capturesContent
        ? {
            'gen_ai.tool.call.arguments': JSON.stringify(step.input ?? null),
            'gen_ai.tool.call.result': JSON.stringify(step.output ?? null),
          }
        : {}),
      ...common(step, context, definition),
    },
    ...failure(step),
  };
}

function common(step: StepRecord, context: RunContext, { agent }: AgentDefinition) {
  const { error } = step;
  return {
    'gen_ai.agent.name': agent.name,
    'gen_ai.conversation.id': context.session_id,
    'howdah.execution.id': context.execution_id,
    'howdah.tenant.id': context.tenant_id,
    ...(error ? { 'error.type': error.code } : {}),
    ...(isCached(step) ? { 'howdah.cached': true } : {}),
  };
}

function failure({ error }: StepRecord): { error?: string } {
  return error ? { error: error.message } : {};
}

function requestAttributes(model: ModelRef | undefined): Attributes {
  const { temperature, max_tokens, top_p } = model?.request_params ?? {};
  const number = (value: unknown) => (typeof value === 'number' ? value : undefined);
  return {
    'gen_ai.request.temperature': number(temperature),
    'gen_ai.request.max_tokens': number(max_tokens),
    'gen_ai.request.top_p': number(top_p),
    'server.address': model?.base_url ? URL.parse(model.base_url)?.hostname : undefined,
  };
}

/**
 * Returns `datastore` for a tool that reads data, `function` for a tool that its registrant runs,
 * and otherwise `extension`.
 */
function typeOf(kind: string | undefined, name: string | null | undefined): string {
  if (kind === 'sql' || name === 'sql_query' || name === 'knowledge_search') return 'datastore';
  return kind === 'custom' || kind === 'client' ? 'function' : 'extension';
}

function textOf(messages: readonly Message[]): string {
  return JSON.stringify(
    messages.map((message) => ({ role: message.role, parts: partsOf(message) })),
  );
}

/** Formats messages as the conventions require: a role and parts. */
function outputOf({ messages = [] }: StepRecord, finish_reason = 'stop'): string {
  return JSON.stringify(
    messages.map((message) => ({ role: message.role, parts: partsOf(message), finish_reason })),
  );
}

function partsOf({ role, content, tool_calls, tool_call_id }: Message): object[] {
  if (role === 'tool') {
    return [{ type: 'tool_call_response', id: tool_call_id, response: content }];
  }
  return [
    ...(content ? [{ type: 'text', content }] : []),
    ...(tool_calls ?? []).map(({ id, name, arguments: args }) => ({
      type: 'tool_call',
      ...{ id, name, arguments: args },
    })),
  ];
}
