import { ENGINE_PREFIX, TOOL_PROVIDER } from '../../contracts/agents/engine.ts';
import type { ModelRequest } from '../../contracts/agents/model.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { ExportedRun, ExportedStep } from '../../contracts/runs/exported-run.ts';
import type { Message } from '../../contracts/runs/message.ts';
import type { StepRequest } from '../../contracts/runs/step-request.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { dropUnsupportedMedia } from '../messages/drop-unsupported-media.ts';
import { wasAskedAgain, withRaisedLimit } from '../model-calls/answers/truncated-answer.ts';
import { requestAt } from './record/recorded-request.ts';
import { RunRecording } from './record/run-recording.ts';
import { readExportedRun } from './replay-run.ts';

/**
 * Rebuilds the request that a step of an exported run sent to its model. A request is not stored:
 * it is computed from the version of the agent and the log before the step, and the same functions
 * compute it again. Throws `HWNTF` if there is no such step, and `HWINV` for a step that sent no
 * request, was copied by a fork, or belongs to the run of a workflow or of an engine. Throws
 * `HWCNF` if the earlier turns of the session are no longer those that the run read.
 */
export function rebuildRequest(exported: unknown, seq: number): StepRequest {
  const run = readExportedRun(exported, 'its requests cannot be rebuilt');
  const record = new RunRecording(run);
  const position = record.steps.findIndex((step) => step.seq === seq);
  const step = record.steps[position];
  checkStep(record, step, seq);
  const { action, definition, state, request } = requestAt(record, position);
  if (!request || !sendsRequest(step)) throw noRequest(seq, step);
  checkModel(request.model, seq);
  if (run.is_history_changed && definition.agent.use_history) throw changedHistory(run, seq);
  const isRaised = action.type === 'call_model' && wasAskedAgain(state);
  const model = isRaised ? withRaisedLimit(request.model) : request.model;
  return {
    model: { ...shownModel(model), request_params: withoutWithheld(model.request_params, step) },
    messages: dropUnsupportedMedia(model, request.messages).map(shownMessage),
    tools: request.tools,
    tool_choice: request.tool_choice ?? null,
    output_schema: request.output_schema,
  };
}

function checkStep(
  { run, steps }: RunRecording,
  step: ExportedStep | undefined,
  seq: number,
): asserts step is ExportedStep {
  const { id } = run.execution;
  const detail = { field: 'seq', execution_id: id, seq };
  if (!step) {
    throw new HowdahError('HWNTF', `execution ${id} has no step ${seq}`, {
      hint: `List its steps: howdah show ${id}`,
      detail,
    });
  }
  if (run.definition.workflow) {
    throw new HowdahError('HWINV', `execution ${id} is the run of a workflow`, {
      hint: 'Ask for a step of the run of one of its members.',
      detail,
    });
  }
  const isCopied = seq <= (run.execution.forked_from_seq ?? 0);
  const origin = steps.find(({ kind, seq: place }) => kind === 'fork' && place > seq)?.input;
  if (isCopied && isJsonObject(origin)) {
    throw new HowdahError('HWINV', `step ${seq} was copied from execution ${origin.execution_id}`, {
      hint: `Ask for the step of the original: howdah show ${origin.execution_id}/${seq} --request`,
      detail,
    });
  }
}

/** Refuses the model of a run that has an engine in place of a model. */
function checkModel({ provider, model }: ModelRequest['model'], seq: number): void {
  if (!provider.startsWith(ENGINE_PREFIX)) return;
  const isTool = provider === TOOL_PROVIDER;
  const engine = provider.slice(ENGINE_PREFIX.length);
  throw new HowdahError(
    'HWINV',
    isTool
      ? `step ${seq} called the tool ${model} in place of a model`
      : `step ${seq} was answered by an external engine (${engine}), which sends its own requests`,
    {
      hint: isTool
        ? 'The arguments of the call are the input of the run.'
        : 'Look for the requests in the logs of the engine.',
      detail: { field: 'seq', seq },
    },
  );
}

function changedHistory({ execution: { id, session_id } }: ExportedRun, seq: number): HowdahError {
  return new HowdahError(
    'HWCNF',
    `the history of execution ${id} has changed since it began, so its requests cannot be rebuilt`,
    {
      hint: 'An earlier turn of its session was retried, erased or deleted, or is hidden from you.',
      detail: { execution_id: id, session_id, seq },
    },
  );
}

/** Returns whether a step records the outcome of a request of the loop itself. */
function sendsRequest({ kind, name, call_id, worker }: ExportedStep): boolean {
  return (
    worker !== null &&
    call_id === null &&
    (kind === 'model' || kind === 'retry' || (kind === 'guard' && name === 'context'))
  );
}

function noRequest(seq: number, { kind, name }: ExportedStep): HowdahError {
  const words = name === null ? kind : `${kind} ${name}`;
  return new HowdahError('HWINV', `step ${seq} (${words}) sent no request to a model`, {
    hint: 'Ask for a step of the kind model, or for a failed attempt (retry).',
    detail: { field: 'seq', seq },
  });
}

const shownModel = ({ name, provider, model, base_url }: ModelRequest['model']) => ({
  ...{ name, provider, model, base_url },
});

/** Leaves out the parameters that a policy withheld from the request, as the step says. */
function withoutWithheld(params: JsonObject, { output }: ExportedStep): JsonObject {
  const withheld = isJsonObject(output) ? output.withheld_params : undefined;
  const names: readonly unknown[] = Array.isArray(withheld) ? withheld : [];
  return Object.fromEntries(Object.entries(params).filter(([name]) => !names.includes(name)));
}

function shownMessage({ role, content, parts, tool_calls, tool_call_id }: Message) {
  return {
    ...{ role, content },
    ...(parts?.length && { parts }),
    ...(tool_calls?.length && { tool_calls }),
    ...(tool_call_id && { tool_call_id }),
  };
}
