import type { ModelAnswer, ModelRequest } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { ToolCall } from '../../contracts/runs/message.ts';
import type { JsonSchema } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { estimateUsage } from '../answers/tokens.ts';
import { createFailure } from '../failure.ts';
import { choose, match } from './choose.ts';
import { fillOutput } from './output.ts';
import { renderResult, troubleOf } from './render.ts';
import { nextStep, TEMPLATE_TOOL, type TemplateStep } from './sql-templates/next-step.ts';
import { readQuestion } from './sql-templates/question.ts';
import { type Turn, turnOf } from './turn.ts';

/** The description of the local model, wherever the model is shown. It is never called an LLM. */
export const LOCAL_DESCRIPTION = 'extractive, not an LLM';

const MAX_ROUNDS = 4;
const CONFIGURE =
  'For an answer by an LLM set the key of a vendor, such as OPENAI_API_KEY or ANTHROPIC_API_KEY, or LLM_URL for a server of your own.';

/**
 * Answers a request, given as JSON. It compares texts of callers with each other, and may take
 * long.
 */
export function answer(request: string): Outcome<ModelAnswer> {
  return answerOf(parseJson(request) as unknown as ModelRequest);
}

function answerOf(request: ModelRequest): Outcome<ModelAnswer> {
  const turn = turnOf(request.messages);
  const step = templateStep(request, turn);
  if (step !== null && 'query' in step)
    return answerWith(request, null, [queryCall(request, step.query)]);
  const lines =
    step !== null
      ? [step.text]
      : turn.results.flatMap((result) => renderResult(result, turn.question));
  const calls = lines.length === 0 ? nextCalls(request, turn) : [];
  if (calls.length > 0) return answerWith(request, null, calls);
  if (request.output_schema !== null)
    return answerStructured(request, request.output_schema, turn, lines);
  const text = [...new Set(lines)].join('\n') || explainNoResult(request, turn);
  return answerWith(request, text, []);
}

/** Chooses calls of tools that were not used yet, while there is no result. No call is repeated. */
function nextCalls(request: ModelRequest, turn: Turn): ToolCall[] {
  if (turn.rounds >= MAX_ROUNDS) return [];
  const fresh = request.tools.filter(({ name }) => !turn.used.has(name));
  const round = roundOf(request);
  return choose(turn.question, fresh).map((choice, at) => ({
    id: `call_${round}_${at + 1}`,
    name: choice.name,
    arguments: JSON.stringify(choice.arguments),
  }));
}

/**
 * Returns the next step of a template. Null if the question is not about a figure, or if a tool
 * takes the question itself.
 */
function templateStep(request: ModelRequest, turn: Turn): TemplateStep | null {
  if (!request.tools.some(({ name }) => name === TEMPLATE_TOOL)) return null;
  if ([...turn.used].some((name) => name !== TEMPLATE_TOOL)) return null;
  const question = readQuestion(turn.question);
  if (question === null || choose(turn.question, request.tools).length > 0) return null;
  return nextStep(question, turn.results);
}

function queryCall(request: ModelRequest, query: string): ToolCall {
  return {
    id: `call_${roundOf(request)}_1`,
    name: TEMPLATE_TOOL,
    arguments: JSON.stringify({ query }),
  };
}

function roundOf({ messages }: ModelRequest): number {
  return messages.filter(({ role }) => role === 'assistant').length + 1;
}

function answerWith(
  request: ModelRequest,
  content: string | null,
  tool_calls: ToolCall[],
): Outcome<ModelAnswer> {
  const finish_reason = tool_calls.length > 0 ? 'tool_calls' : 'stop';
  const usage = estimateUsage(request, { content, tool_calls });
  return { ok: true, value: { content, tool_calls, finish_reason, usage } };
}

function answerStructured(
  request: ModelRequest,
  schema: JsonSchema,
  turn: Turn,
  lines: string[],
): Outcome<ModelAnswer> {
  const output = fillOutput(schema, {
    results: turn.results.map(({ content }) => content).filter((one) => troubleOf(one) === null),
    text: lines.join('\n'),
    question: turn.question,
    messages: request.messages,
  });
  if (output.missing.length === 0) return answerWith(request, JSON.stringify(output.value), []);
  return createFailure(
    'invalid_request',
    `The local model (${LOCAL_DESCRIPTION}) cannot fill ${output.missing.join(', ')} of the output schema ` +
      `from what the tools said. ${CONFIGURE}`,
  );
}

/**
 * Builds the answer when no tool returned a result: it names the model, the tools and the next
 * steps.
 */
function explainNoResult(request: ModelRequest, turn: Turn): string {
  const names = request.tools.map(({ name }) => name).join(', ');
  const where =
    names === '' ? 'I have no tools to look in' : `I found nothing in the tools I have (${names})`;
  const troubles = turn.results.flatMap(({ name, content }) => {
    const trouble = troubleOf(content);
    return trouble === null ? [] : [`It could not answer: ${trouble} [${name}]`];
  });
  const wanting = match(turn.question, request.tools)
    .filter(({ filled }) => filled.missing.length > 0)
    .map(
      ({ tool, filled }) =>
        `${tool.name} needs: ${filled.missing.join(', ').replaceAll('_', ' ')}.`,
    );
  const about = `I am the local model: ${LOCAL_DESCRIPTION}. ${where} that answers this.`;
  return [about, ...new Set(troubles), ...wanting, CONFIGURE].join('\n');
}
