import type {
  LeftOutTool,
  ModelAnswer,
  ModelCallContext,
  ModelProvider,
  ModelRef,
  ModelRequest,
  ToolSchema,
} from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { JsonSchema } from '../../json/json.ts';
import { stripCodeFence } from '../../text/strip-code-fence.ts';
import { emitToken } from '../answers/tokens.ts';
import { createFailure } from '../failure.ts';
import { fitAnswer, UnwrappingStream, unwrapAnswer } from './fit-answer.ts';
import { fitTools } from './fit-tools.ts';
import { omitAddedNulls } from './omit-added-nulls.ts';
import { refusedTools } from './refused-tools.ts';
import type { VendorRules } from './rules.ts';

// Schemas come from MCP servers, OpenAPI documents, generators and people, and each vendor refuses
// others. A request is therefore made to fit here, in four steps: what a vendor does not accept is
// written in another way; a tool that cannot be written so is left out; a request that the vendor
// refuses because of one tool is sent again without it; and the answer to a schema that had to be
// wrapped is unwrapped. The stored schemas stay as they are, and answers and calls are checked
// against them.

/** Most requests that are sent again without the tools that the vendor refused. */
const MAX_REFUSALS = 10;

/** A request as a vendor accepts it. */
type FittedRequest = {
  request: ModelRequest;
  leftOut: LeftOutTool[];
  wrapper: string | undefined;
  warnings: string[];
};

/** Wraps a provider, so that requests for answers have schemas that its vendor accepts. */
export function withFittingSchemas(
  provider: ModelProvider,
  rulesOf: (model: ModelRef) => VendorRules,
): ModelProvider {
  return {
    ...provider,
    generate: (request, context) => generate(provider, rulesOf(request.model), request, context),
  };
}

async function generate(
  provider: ModelProvider,
  rules: VendorRules,
  original: ModelRequest,
  context: ModelCallContext,
): Promise<Outcome<ModelAnswer>> {
  const known = new RefusedTools(original.model);
  const fitted = fitRequest(original, rules, known);
  for (let refusals = 0; ; refusals += 1) {
    const missing = missingChoice(fitted);
    if (missing) return missing;
    const outcome = await send(provider, fitted, context);
    if (outcome.ok) return { ok: true, value: answerOf(outcome.value, fitted, original) };
    const { tools } = fitted.request;
    const refused = context.signal.aborted ? [] : refusedTools(outcome.error, tools);
    if (refused.length === 0 || refusals === MAX_REFUSALS) return outcome;
    for (const { tool, reason } of refused) {
      known.add(original.tools.find(({ name }) => name === tool)?.parameters, reason);
    }
    const names = new Set(refused.map(({ tool }) => tool));
    fitted.request = { ...fitted.request, tools: tools.filter(({ name }) => !names.has(name)) };
    fitted.leftOut.push(...refused);
  }
}

function fitRequest(request: ModelRequest, rules: VendorRules, known: RefusedTools): FittedRequest {
  const refused = request.tools.flatMap(({ name, parameters }) => {
    const reason = known.reasonFor(parameters);
    return reason === undefined ? [] : [{ tool: name, reason }];
  });
  const offered = request.tools.filter(({ parameters }) => !known.reasonFor(parameters));
  const { strict, ...request_params } = request.model.request_params;
  const isStrict = strict === true && rules.strict !== undefined;
  const { tools, leftOut } = fitTools(offered, rules, isStrict);
  const model = rules.strict ? { ...request.model, request_params } : request.model;
  const fitted = { request: { ...request, model, tools }, leftOut: [...leftOut, ...refused] };
  const schema = request.output_schema;
  if (schema === null) return { ...fitted, wrapper: undefined, warnings: [] };
  const strictAnswer =
    isStrict && rules.strict ? fitAnswer(schema, rules.strict.answers) : undefined;
  const answer = strictAnswer?.ok ? strictAnswer : fitAnswer(schema, rules.answers);
  if (answer.ok) {
    const { schema: output_schema, wrapper } = answer.value;
    const marked = strictAnswer?.ok ? ({ is_output_strict: true } as const) : {};
    const sent = { ...fitted.request, output_schema, ...marked };
    return { ...fitted, request: sent, wrapper, warnings: [] };
  }
  return {
    ...fitted,
    request: withInstruction(fitted.request, schema),
    wrapper: undefined,
    warnings: [`The schema of the answer was sent as an instruction: ${answer.reason}.`],
  };
}

/** Adds a schema that cannot be sent as one to the system message. */
function withInstruction(request: ModelRequest, schema: JsonSchema): ModelRequest {
  const text = `Your final answer must be JSON without any other text. It must match this JSON Schema: ${JSON.stringify(schema)}`;
  const [first, ...rest] = request.messages;
  const messages: ModelRequest['messages'] =
    first?.role === 'system'
      ? [{ ...first, content: `${first.content ?? ''}\n\n${text}` }, ...rest]
      : [{ role: 'system', content: text }, ...request.messages];
  return { ...request, messages, output_schema: null };
}

/** Returns the failure of a request that forces a tool which cannot be sent. */
function missingChoice({ request, leftOut }: FittedRequest): Outcome<never> | undefined {
  const tool = leftOut.find((one) => one.tool === request.tool_choice);
  if (tool === undefined) return undefined;
  const message = `The tool ${tool.tool}, which the model has to call, cannot be sent: ${tool.reason}`;
  return createFailure('invalid_request', message);
}

async function send(
  provider: ModelProvider,
  { request, wrapper }: FittedRequest,
  context: ModelCallContext,
): Promise<Outcome<ModelAnswer>> {
  if (wrapper === undefined || context.onToken === undefined) {
    return provider.generate(request, context);
  }
  const stream = new UnwrappingStream(wrapper);
  const onToken = (text: string) => emitToken(context, stream.pass(text));
  const outcome = await provider.generate(request, { ...context, onToken });
  emitToken(context, stream.end());
  return outcome;
}

function answerOf(
  answer: ModelAnswer,
  { request, leftOut, wrapper, warnings: own }: FittedRequest,
  original: ModelRequest,
): ModelAnswer {
  const warnings = [...(answer.warnings ?? []), ...own];
  return {
    ...answer,
    content: contentOf(answer, request, wrapper, original.output_schema),
    tool_calls: answer.tool_calls.map((call) => {
      const isStrict = request.tools.some((tool) => tool.name === call.name && tool.is_strict);
      const stored = original.tools.find(({ name }) => name === call.name);
      if (!isStrict || !stored) return call;
      return { ...call, arguments: omitAddedNulls(call.arguments, stored.parameters) };
    }),
    ...(warnings.length > 0 ? { warnings } : {}),
    ...(leftOut.length > 0 ? { left_out_tools: leftOut } : {}),
  };
}

function contentOf(
  { content }: ModelAnswer,
  { is_output_strict }: ModelRequest,
  wrapper: string | undefined,
  schema: JsonSchema | null,
): string | null {
  if (content === null) return null;
  const unwrapped = wrapper === undefined ? content : unwrapAnswer(content, wrapper);
  return is_output_strict && schema ? omitAddedNulls(stripCodeFence(unwrapped), schema) : unwrapped;
}

/**
 * The tools that the vendor of a model has refused, so that later requests of this process do not
 * offer them again. The parameters of a pinned version are one object.
 */
class RefusedTools {
  static readonly #reasons = new WeakMap<JsonSchema, Map<string, string>>();
  readonly #vendor: string;

  constructor({ provider, base_url, model }: ModelRef) {
    this.#vendor = JSON.stringify([provider, base_url, model]);
  }

  reasonFor(parameters: ToolSchema['parameters']): string | undefined {
    return RefusedTools.#reasons.get(parameters)?.get(this.#vendor);
  }

  add(parameters: ToolSchema['parameters'] | undefined, reason: string): void {
    if (parameters === undefined) return;
    const reasons = RefusedTools.#reasons.get(parameters) ?? new Map<string, string>();
    RefusedTools.#reasons.set(parameters, reasons.set(this.#vendor, reason));
  }
}
