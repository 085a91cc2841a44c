import type {
  JSONSchema7,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4Prompt,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider';
import type { ModelRequest } from '../../contracts/agents/model.ts';
import type { JsonSchema } from '../../json/json.ts';
import { reasoningOptions } from './reasoning-options.ts';
import type { RequestParams } from './request-params.ts';

/** Vendors that refuse a schema for the answer in a request with tools. */
const NO_SCHEMA_WITH_TOOLS: ReadonlySet<string> = new Set(['google', 'google-vertex', 'cohere']);
/** Vendors that refuse thinking in a request that forces a tool. */
const NO_THINKING_IN_FORCED_CALL: ReadonlySet<string> = new Set(['anthropic', 'amazon-bedrock']);

const CACHE_MARK: { providerOptions: SharedV4ProviderOptions } = {
  providerOptions: { anthropic: { cacheControl: { type: 'ephemeral' } } },
};

/** Builds the options of a call from a request, its prompt and the parameters of its model. */
export function callOptions(
  request: ModelRequest,
  prompt: LanguageModelV4Prompt,
  params: RequestParams,
  vendor: string,
): LanguageModelV4CallOptions {
  const isMarked = params.isCached && vendor === 'anthropic';
  const tools = [...functionTools(request, isMarked), ...params.providerTools];
  const { toolChoice, ...options } = params.options;
  const choice = request.tool_choice
    ? ({ type: 'tool', toolName: request.tool_choice } as const)
    : toolChoice;
  const { output_schema: schema } = request;
  const isInstructed = schema !== null && tools.length > 0 && NO_SCHEMA_WITH_TOOLS.has(vendor);
  const instructedPrompt = isInstructed ? withInstruction(prompt, schema) : prompt;
  return {
    ...options,
    prompt: isMarked ? withCacheMarks(instructedPrompt) : instructedPrompt,
    ...(tools.length > 0 ? { tools } : {}),
    ...(tools.length > 0 && choice ? { toolChoice: choice } : {}),
    ...(schema !== null && !isInstructed
      ? { responseFormat: { type: 'json', schema: schema as JSONSchema7, name: 'output' } }
      : {}),
    providerOptions: vendorOptions(vendor, params, choice?.type === 'tool'),
  };
}

function functionTools({ tools }: ModelRequest, isMarked: boolean): LanguageModelV4FunctionTool[] {
  return tools.map(({ name, description, parameters }, at) => ({
    type: 'function',
    name,
    description,
    inputSchema: parameters as JSONSchema7,
    ...(isMarked && at === tools.length - 1 ? CACHE_MARK : {}),
  }));
}

function vendorOptions(
  vendor: string,
  { reasoning, areCallsParallel }: RequestParams,
  isForced: boolean,
): SharedV4ProviderOptions {
  const isThinking = reasoning && !(isForced && NO_THINKING_IN_FORCED_CALL.has(vendor));
  const options = isThinking ? reasoningOptions(vendor, reasoning) : {};
  if (vendor === 'groq')
    return { groq: { strictJsonSchema: false, ...sequential(), ...options.groq } };
  if (areCallsParallel) return options;
  if (vendor === 'anthropic') {
    return { anthropic: { ...options.anthropic, disableParallelToolUse: true } };
  }
  const name = vendor === 'azure' ? 'openai' : vendor;
  return { ...options, [name]: { ...options[name], parallelToolCalls: false } };

  function sequential() {
    return areCallsParallel ? {} : { parallelToolCalls: false };
  }
}

/**
 * Marks what Anthropic may cache: the tools by the last one, the system message, the messages of
 * this request, and those of the request before, which are in the cache already. Four marks are the
 * most that Anthropic accepts.
 */
function withCacheMarks(prompt: LanguageModelV4Prompt): LanguageModelV4Prompt {
  const answered = prompt.findLastIndex(({ role }) => role === 'assistant');
  const marked = new Set([
    prompt.findLastIndex(({ role }) => role === 'system'),
    prompt.length - 1,
    answered - 1,
  ]);
  return prompt.map((message, at) => (marked.has(at) ? { ...message, ...CACHE_MARK } : message));
}

/** Adds the schema of the answer to the system message. */
function withInstruction(prompt: LanguageModelV4Prompt, schema: JsonSchema): LanguageModelV4Prompt {
  const text = `Your final answer must be JSON without any other text. It must match this JSON Schema: ${JSON.stringify(schema)}`;
  const [first, ...rest] = prompt;
  return first?.role === 'system'
    ? [{ ...first, content: `${first.content}\n\n${text}` }, ...rest]
    : [{ role: 'system', content: text }, ...prompt];
}
