import type { Message } from '../../contracts/runs/message.ts';
import type {
  ObservedCommit,
  ObservedRun,
  RunObserver,
} from '../../contracts/runs/run-observer.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { Span } from './otlp.ts';
import { modelSpan, type StepPlace, toolSpan } from './step-spans.ts';
import { newSpanId, spanOf, type TraceContext, traceparent } from './traceparent.ts';

export type RunTracerOptions = {
  run: ObservedRun;
  trace: TraceContext;
  capturesContent: boolean;
  add(span: Span): void;
  /** Called when the run has ended. The span of the run itself is built from its row. */
  onEnd(executionId: string): void;
};

type StartedSpan = { spanId: string; from: number };
type ModelRequest = { operation: 'chat' | 'embeddings'; messages: readonly Message[] | undefined };

const ENDS: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/**
 * Builds the spans of one run while this process owns the run. Each model request and each tool
 * call has a span, which is added when the result is committed. Another worker of the same run
 * builds the spans of its own steps. All spans share the trace and the span of the run.
 */
export class RunTracer implements RunObserver {
  readonly #options: RunTracerOptions;
  readonly #place: StepPlace;
  readonly #runSpan: string;
  #model: (StartedSpan & ModelRequest) | undefined;
  readonly #tools = new Map<string, StartedSpan>();

  constructor(options: RunTracerOptions) {
    const { run, capturesContent } = options;
    this.#options = options;
    this.#place = { ...run, capturesContent };
    this.#runSpan = spanOf(run.context.execution_id);
  }

  onModelCall(operation: ModelRequest['operation'], prompt?: readonly Message[]): string {
    const messages = this.#place.capturesContent ? prompt : undefined;
    this.#model = { operation, messages, spanId: newSpanId(), from: Date.now() };
    return traceparent(this.#options.trace.traceId, this.#model.spanId);
  }

  onToolCall(callId: string): string {
    const started = { spanId: newSpanId(), from: Date.now() };
    this.#tools.set(callId, started);
    return traceparent(this.#options.trace.traceId, started.spanId);
  }

  onCommit({ steps, status }: ObservedCommit): void {
    const to = Date.now();
    for (const step of steps) this.#add(step, to);
    if (ENDS.has(status)) this.#options.onEnd(this.#place.context.execution_id);
  }

  #add(step: StepRecord, to: number): void {
    const { kind, call_id } = step;
    const isAttempt = kind === 'retry' && step.started_at !== undefined;
    if (kind === 'model' && call_id) this.#addSampling(step, call_id, to);
    else if (!call_id && (kind === 'model' || isAttempt)) this.#addModel(step, to);
    else if (call_id && (kind === 'tool' || isAttempt || isUnknown(step))) {
      this.#addTool(step, call_id, to);
    }
  }

  #addModel(step: StepRecord, to: number): void {
    const { operation = 'chat', messages, spanId = newSpanId(), from } = this.#model ?? {};
    this.#model = undefined;
    const described = modelSpan(step, operation, this.#place, messages);
    this.#emit({
      ...described,
      spanId,
      parentId: this.#runSpan,
      from: from ?? startOf(step, to),
      to,
    });
  }

  #addTool(step: StepRecord, callId: string, to: number): void {
    const started = this.#tools.get(callId);
    this.#tools.delete(callId);
    const { spanId = newSpanId(), from = startOf(step, to) } = started ?? {};
    this.#emit({ ...toolSpan(step, this.#place), spanId, parentId: this.#runSpan, from, to });
  }

  /**
   * Adds the answer of a model that an MCP server requested during a call, as a child of the call.
   */
  #addSampling(step: StepRecord, callId: string, to: number): void {
    const parentId = this.#tools.get(callId)?.spanId ?? this.#runSpan;
    const described = modelSpan(step, 'chat', this.#place);
    this.#emit({ ...described, spanId: newSpanId(), parentId, from: startOf(step, to), to });
  }

  #emit(span: Omit<Span, 'traceId'>): void {
    this.#options.add({ traceId: this.#options.trace.traceId, ...span });
  }
}

/** Returns whether the step is a call without an answer, about which a person is asked. */
function isUnknown({ kind, error }: StepRecord): boolean {
  return kind === 'question' && error !== undefined && error !== null;
}

function startOf({ started_at }: StepRecord, to: number): number {
  return started_at === undefined ? to : Date.parse(started_at);
}
