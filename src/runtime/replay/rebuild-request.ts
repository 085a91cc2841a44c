import type { ModelRequest } from '../../contracts/agents/model.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { ExportedStep } from '../../contracts/runs/exported-run.ts';
import type { Message } from '../../contracts/runs/message.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { applyOverrides } from '../held-run/overrides.ts';
import { dropUnsupportedMedia } from '../messages/drop-unsupported-media.ts';
import { wasAskedAgain, withRaisedLimit } from '../model-calls/answers/truncated-answer.ts';
import { strategyOf } from '../strategies/registry.ts';
import { RunRecording } from './record/run-recording.ts';
import { readExportedRun } from './replay-run.ts';
import { requestOf } from './request-text.ts';

/** The request of a step to its model, as the runtime gives it to the provider of the model. */
export type StepRequest = {
  model: Pick<ModelRequest['model'], 'name' | 'provider' | 'model' | 'base_url'> & {
    request_params: JsonObject;
  };
  /** Files are only named: a record does not contain their contents. */
  messages: Pick<Message, 'role' | 'content' | 'parts' | 'tool_calls' | 'tool_call_id'>[];
  tools: ModelRequest['tools'];
  /** The name of the tool that the model had to call, or null. */
  tool_choice: string | null;
  output_schema: ModelRequest['output_schema'];
};

/**
 * Rebuilds the request that a step of an exported run sent to its model. A request is not stored:
 * it is computed from the version of the agent and the log before the step, and the same functions
 * compute it again. Throws `HWNTF` if there is no such step, and `HWINV` for a step that sent no
 * request, was copied by a fork, or belongs to the run of a workflow.
 */
export function rebuildRequest(exported: unknown, seq: number): StepRequest {
  const record = new RunRecording(readExportedRun(exported));
  const position = record.steps.findIndex((step) => step.seq === seq);
  const step = record.steps[position];
  checkStep(record, position, step, seq);
  const { overrides, is_compensation } = record.claimAt(position);
  const definition = applyOverrides({ is_compensation, overrides }, record.definitionAt(position));
  const state = record.stateAt(position);
  const action = strategyOf({ is_compensation }, definition)(definition, state);
  const request = sendsRequest(step) ? requestOf(action, definition) : undefined;
  if (!request) throw noRequest(seq, step);
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
  { run, start, steps }: RunRecording,
  position: number,
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
  const origin = steps.find(({ kind }) => kind === 'fork')?.input;
  if (isJsonObject(origin) && position < start) {
    throw new HowdahError('HWINV', `step ${seq} was copied from execution ${origin.execution_id}`, {
      hint: `Ask for the step of the original: howdah show ${origin.execution_id}/${seq} --request`,
      detail,
    });
  }
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
