import { createHash } from 'node:crypto';
import {
  type CallHost,
  type Elicitation,
  type PendingElicitation,
  SAMPLING,
  type Sampling,
} from '../../contracts/agents/call-host.ts';
import type { ModelAnswer } from '../../contracts/agents/model.ts';
import type { ElicitationAnswer } from '../../contracts/agents/tool-io.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { StepSummary } from '../../contracts/runs/action.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { callNestedModel } from '../model-calls/nested-model-call.ts';
import type { QuestionAnswer } from '../tool-plans/open-calls.ts';
import { isElicitation } from '../tool-plans/open-calls.ts';

/** Maximum number of model answers for the server of one call. */
const MAX_ANSWERS = 10;
/** Maximum number of refusals of one call that are logged. */
const MAX_REFUSALS = 10;
const LOGGED_CHARACTERS = 4_000;

/**
 * Creates the object that answers what a tool or its MCP server requests of the run: model answers
 * and questions to people. Each attempt of a call has its own host.
 */
export function createCallHost(
  call_id: string,
  run: HeldRun,
  world: RuntimeDependencies,
): CallHost {
  let answers = 0;
  let refusals = 0;
  let turn: Promise<unknown> = Promise.resolve();
  const countsByKey = new Map<string, number>();
  return {
    sample(sampling, signal) {
      answers += 1;
      if (answers > MAX_ANSWERS) {
        const message = `a call may use at most ${MAX_ANSWERS} answers of a model`;
        return Promise.resolve(failure('limit_reached', message));
      }
      // sequential, so that the usage of one sample is known before the next one starts
      const mine = turn.then(() => sample(sampling, signal, call_id, run, world));
      turn = mine.catch(() => {});
      return mine;
    },
    elicit(elicitation) {
      const key = keyOf(elicitation);
      const nth = countsByKey.get(key) ?? 0;
      countsByKey.set(key, nth + 1);
      const answer = answersTo(key, call_id, run.state.steps_since_answer)[nth];
      return answer ? elicitationAnswer(answer) : questionOf(elicitation, key);
    },
    async recordRejection(name, output) {
      refusals += 1;
      if (refusals <= MAX_REFUSALS && run.isHeld) {
        await run.commit([{ kind: 'guard', name: `${name}_refused`, call_id, output }]);
      }
    },
  };
}

function sample(
  { server, model, messages, max_tokens, temperature }: Sampling,
  signal: AbortSignal,
  call_id: string,
  run: HeldRun,
  world: RuntimeDependencies,
): Promise<Outcome<ModelAnswer>> {
  const request_params = {
    ...model.request_params,
    max_tokens,
    ...(temperature === undefined ? {} : { temperature }),
  };
  const request = {
    model: { ...model, request_params },
    messages,
    output_schema: null,
    input: {
      server,
      messages: truncateMiddle(JSON.stringify(messages), LOGGED_CHARACTERS),
      max_tokens,
    },
    outputOf: ({ content }: ModelAnswer) => ({
      content: truncateMiddle(content ?? '', LOGGED_CHARACTERS),
    }),
  };
  return callNestedModel(request, signal, call_id, run, world);
}

function failure(code: RunError['code'], message: string): { ok: false; error: RunError } {
  return { ok: false, error: { code, message, retryable: false } };
}

function keyOf({ message, schema, url }: Elicitation): string {
  return createHash('sha256')
    .update(canonicalJson([message, schema, url]))
    .digest('hex');
}

/**
 * Returns the answers of people to the same question of this call, in order. A server may ask the
 * same question more than once.
 */
export function answersTo(
  key: string,
  call_id: string,
  steps: readonly StepSummary[],
): QuestionAnswer[] {
  const questions = new Set<Json | undefined>();
  const answers: QuestionAnswer[] = [];
  for (const step of steps) {
    if (step.call_id !== call_id) continue;
    const { input, output } = step;
    if (isElicitation(step) && isJsonObject(input) && input.elicitation === key) {
      questions.add(input.question_id);
    } else if (
      step.kind === 'answer' &&
      isJsonObject(output) &&
      questions.has(output.question_id)
    ) {
      answers.push(output as unknown as QuestionAnswer);
    }
  }
  return answers;
}

export function elicitationAnswer({ answer, data, status }: QuestionAnswer): ElicitationAnswer {
  if (status === 'expired') return { action: 'cancel' };
  if (answer === 'decline' && !isJsonObject(data)) return { action: 'decline' };
  return { action: 'accept', content: isJsonObject(data) ? data : {} };
}

/**
 * Builds the question to people. The name of the server stands before its message, because the
 * message is not our own text.
 */
function questionOf(
  { server, message, schema, url, isTool, sampling }: Elicitation,
  elicitation: string,
): PendingElicitation {
  const page = url === undefined ? '' : `\n\nIt wants you to open this page: ${url}`;
  const isForm = Object.keys((schema.properties ?? {}) as object).length > 0;
  return {
    elicitation,
    prompt: `The ${isTool ? 'tool' : 'MCP server'} ${server} asks${sampling ? ' a model' : ''}: ${message}${page}`,
    schema: sampling ? { ...schema, [SAMPLING]: sampling } : schema,
    options: isForm ? ['decline'] : ['accept', 'decline'],
  };
}
