import type { Span } from './otlp.ts';
import type { TraceContext } from './traceparent.ts';
import { spanOf } from './traceparent.ts';

/** A run that has ended, with the columns of its row. */
export type EndedRun = {
  execution_id: string;
  root_execution_id: string;
  parent_execution_id: string | null;
  tenant_id: string;
  session_id: string | null;
  /** The `traceparent` in the metadata of the tree's root. */
  traceparent: string | null;
  agent_id: string | null;
  workflow_id: string | null;
  name: string | null;
  version: number | null;
  status: string;
  stop_reason: string | null;
  error_code: string | null;
  error_message: string | null;
  tokens_in: number;
  tokens_out: number;
  cost: number;
  steps: number;
  created_at_ms: number;
  started_at_ms: number | null;
  completed_at_ms: number;
};

/** Builds the span of a run, from the first claim by a worker to the end. */
export function runSpan(run: EndedRun, { traceId, parentId, link }: TraceContext): Span {
  const { workflow_id, agent_id, name, status, stop_reason, started_at_ms, created_at_ms } = run;
  const operation = workflow_id === null ? 'invoke_agent' : 'invoke_workflow';
  const from = started_at_ms ?? created_at_ms;
  const isFailed = status === 'failed' || status === 'cancelled';
  return {
    traceId,
    spanId: spanOf(run.execution_id),
    parentId: run.parent_execution_id === null ? parentId : spanOf(run.parent_execution_id),
    name: `${operation} ${name ?? ''}`.trimEnd(),
    kind: 'internal',
    link: run.parent_execution_id === null ? link : undefined,
    from,
    to: run.completed_at_ms,
    attributes: {
      'gen_ai.operation.name': operation,
      ...(workflow_id === null
        ? { 'gen_ai.agent.id': agent_id, 'gen_ai.agent.name': name }
        : { 'gen_ai.workflow.name': name, 'howdah.workflow.id': workflow_id }),
      ...(workflow_id === null && run.version !== null
        ? { 'gen_ai.agent.version': String(run.version) }
        : {}),
      'gen_ai.conversation.id': run.session_id,
      'gen_ai.usage.input_tokens': run.tokens_in,
      'gen_ai.usage.output_tokens': run.tokens_out,
      'howdah.execution.id': run.execution_id,
      'howdah.root_execution.id': run.root_execution_id,
      'howdah.tenant.id': run.tenant_id,
      'howdah.execution.status': status,
      'howdah.execution.stop_reason': stop_reason,
      'howdah.execution.steps': run.steps,
      'howdah.execution.cost': run.cost,
      'howdah.execution.queued_ms': Math.max(0, Math.round(from - created_at_ms)),
      ...(isFailed ? { 'error.type': run.error_code ?? stop_reason ?? status } : {}),
    },
    ...(isFailed ? { error: run.error_message ?? stop_reason ?? status } : {}),
  };
}
