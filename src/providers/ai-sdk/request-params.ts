import type { LanguageModelV4CallOptions, LanguageModelV4ProviderTool } from '@ai-sdk/provider';
import { z } from 'zod';
import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { jsonRecord } from '../../json/json-record.ts';
import { createFailure } from '../failure.ts';
import { isSetting } from './account.ts';
import { isAdaptive, type Reasoning, reasoningIn } from './reasoning-options.ts';

/** Most tokens of an answer if neither the model nor its window limits them. */
const DEFAULT_MAX_TOKENS = 8_192;

/** The parameters of a model, sorted by what becomes of them. */
export type CallParams = {
  options: Pick<
    LanguageModelV4CallOptions,
    | 'maxOutputTokens'
    | 'temperature'
    | 'topP'
    | 'topK'
    | 'seed'
    | 'presencePenalty'
    | 'frequencyPenalty'
    | 'stopSequences'
    | 'toolChoice'
  >;
  reasoning: Reasoning | undefined;
  /** True if cache marks are sent. Undefined if the vendor and the model decide. */
  isCached: boolean | undefined;
  /** False if the model has to make one call after the other. */
  areCallsParallel: boolean;
  /** True if the answer may cite documents of the user. */
  isCiting: boolean;
  providerTools: LanguageModelV4ProviderTool[];
  /** All other parameters, for the body of the request. */
  body: JsonObject;
};

/** Vendors whose packages add the budget for thinking to the limit of the answer. */
const ADDS_BUDGET: ReadonlySet<string> = new Set(['anthropic', 'amazon-bedrock']);

/** The numbers of a request, by their names in `request_params`. */
const NUMBERS = {
  temperature: 'temperature',
  top_p: 'topP',
  top_k: 'topK',
  seed: 'seed',
  presence_penalty: 'presencePenalty',
  frequency_penalty: 'frequencyPenalty',
} as const;

const MAX_TOKENS = ['max_completion_tokens', 'max_tokens', 'max_output_tokens'];
const STOP = ['stop', 'stop_sequences'];

/**
 * Names that every request of some vendor sets itself. `RESERVED_PARAMS` names those of OpenAI's
 * format, which are refused in every model.
 */
const OWN_FIELDS = ['contents', 'input', 'inputs', 'system', 'systemInstruction', 'toolConfig'];

const providerTools = z.array(
  z.strictObject({
    id: z.templateLiteral([z.string(), '.', z.string()]),
    name: z.string().min(1),
    args: jsonRecord(z.unknown()).default({}),
  }),
);

/**
 * Sorts the parameters of a model. A value of another type than expected goes into the body. So do
 * parameters that are options of a vendor, for a package whose options are unknown.
 */
export function readParams(model: ModelRef, vendor: string): Outcome<CallParams> {
  const params = model.request_params;
  const own = OWN_FIELDS.find((name) => Object.hasOwn(params, name));
  if (own !== undefined) {
    const message = `request_params of model ${model.name} contain ${own}, which Howdah sets itself; remove it.`;
    return createFailure('invalid_request', message);
  }
  const tools = providerTools.safeParse(params.provider_tools ?? []);
  if (!tools.success) {
    const message = `request_params.provider_tools of model ${model.name} must be a list of {"id": "vendor.tool", "name", "args"}.`;
    return createFailure('invalid_request', message);
  }
  const isKnown = !vendor.startsWith('npm:');
  const reasoning = isKnown ? reasoningIn(params) : undefined;
  const options = { ...numbersIn(params), ...stopIn(params), ...toolChoiceIn(params) };
  return {
    ok: true,
    value: {
      options: {
        maxOutputTokens: maxTokens(model, budgetWithin(vendor, model.model, reasoning)),
        ...options,
      },
      reasoning,
      isCached: typeof params.prompt_caching === 'boolean' ? params.prompt_caching : undefined,
      areCallsParallel: params.parallel_tool_calls !== false,
      isCiting: vendor === 'anthropic' && params.citations === true,
      providerTools: tools.data.map((tool) => ({ type: 'provider', ...tool })),
      body: Object.fromEntries(
        Object.entries(params).filter(
          ([name, value]) =>
            !(vendor === 'anthropic' && name === 'citations') &&
            (!isMapped(name, value, reasoning) || (!isKnown && name === 'parallel_tool_calls')),
        ),
      ),
    },
  };
}

/** Returns whether a parameter is expressed by an option, so that the body must not repeat it. */
function isMapped(name: string, value: Json, reasoning: Reasoning | undefined): boolean {
  if (name in NUMBERS || MAX_TOKENS.includes(name)) return typeof value === 'number';
  if (STOP.includes(name)) return stops(value) !== undefined;
  if (name === 'reasoning_effort' || name === 'thinking') return reasoning !== undefined;
  if (name === 'tool_choice') return true;
  return isSetting(name) || FLAGS.has(name);
}

const FLAGS: ReadonlySet<string> = new Set([
  'prompt_caching',
  'provider_tools',
  'parallel_tool_calls',
  'stream_options',
]);

/** Returns the tokens for thinking that the limit of an answer has to contain. */
function budgetWithin(vendor: string, model: string, reasoning: Reasoning | undefined): number {
  if (reasoning === undefined) return 0;
  const isAdded = ADDS_BUDGET.has(vendor) && !isAdaptive(vendor, model, reasoning);
  return isAdded ? 0 : reasoning.budget;
}

/**
 * Returns the limit of an answer. Without one a vendor allows its maximum, up to 128,000 tokens.
 * Tokens for thinking come on top of the default.
 */
function maxTokens({ request_params, context_tokens }: ModelRef, budget: number): number {
  const limit = MAX_TOKENS.map((name) => request_params[name]).find(
    (value) => typeof value === 'number',
  );
  if (limit !== undefined) return limit;
  const window = (context_tokens ?? Number.POSITIVE_INFINITY) / 4;
  return Math.max(1, Math.floor(Math.min(DEFAULT_MAX_TOKENS + budget, window)));
}

function numbersIn(params: JsonObject): Partial<CallParams['options']> {
  const known = Object.entries(NUMBERS).filter(([name]) => typeof params[name] === 'number');
  return Object.fromEntries(known.map(([name, option]) => [option, params[name]]));
}

function stopIn(params: JsonObject): Pick<CallParams['options'], 'stopSequences'> {
  const found = STOP.map((name) => stops(params[name])).find((list) => list !== undefined);
  return found ? { stopSequences: found } : {};
}

function stops(value: Json | undefined): string[] | undefined {
  const list = typeof value === 'string' ? [value] : value;
  const isList = Array.isArray(list) && list.every((one) => typeof one === 'string');
  return isList ? (list as string[]) : undefined;
}

function toolChoiceIn({ tool_choice }: JsonObject): Pick<CallParams['options'], 'toolChoice'> {
  if (tool_choice === 'auto' || tool_choice === 'none' || tool_choice === 'required') {
    return { toolChoice: { type: tool_choice } };
  }
  const fn =
    isJsonObject(tool_choice) && isJsonObject(tool_choice.function) ? tool_choice.function : {};
  return typeof fn.name === 'string' ? { toolChoice: { type: 'tool', toolName: fn.name } } : {};
}

/** Adds parameters to the JSON body of a request. Objects are merged, other values replaced. */
export function mergeBody(body: JsonObject, params: JsonObject): JsonObject {
  const merged = Object.entries(params).map(([name, value]) => {
    const before = Object.hasOwn(body, name) ? body[name] : undefined;
    return [name, isJsonObject(before) && isJsonObject(value) ? mergeBody(before, value) : value];
  });
  return { ...body, ...Object.fromEntries(merged) };
}

/** Returns a model without the parameters of these names, so that no body contains them. */
export function withoutParams(model: ModelRef, names: readonly string[]): ModelRef {
  const others = Object.entries(model.request_params).filter(([name]) => !names.includes(name));
  return { ...model, request_params: Object.fromEntries(others) };
}
