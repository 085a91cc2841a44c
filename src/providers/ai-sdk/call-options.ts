import type {
  JSONSchema7,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
  LanguageModelV4Prompt,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider';
import type { ModelRequest } from '../../contracts/agents/model.ts';
import type { JsonSchema } from '../../json/json.ts';
import { optionsName, reasoningOptions } from './reasoning-options.ts';
import type { CallParams } from './request-params.ts';

/** Vendors that refuse a schema for the answer in a request with tools. */
const NO_SCHEMA_WITH_TOOLS: ReadonlySet<string> = new Set(['google', 'google-vertex', 'cohere']);
/** Vendors that refuse thinking in a request that forces a tool. */
const NO_THINKING_IN_FORCED_CALL: ReadonlySet<string> = new Set(['anthropic', 'amazon-bedrock']);

/**
 * The options of each call of a vendor. Azure and xAI would store every conversation, and expect
 * references to it; a schema would have to be in the strict form of OpenAI.
 */
const EACH_CALL: Readonly<Record<string, SharedV4ProviderOptions[string]>> = {
  azure: { store: false, strictJsonSchema: false },
  groq: { strictJsonSchema: false },
  xai: { store: false },
};

/** The mark of what a vendor may cache. */
type CacheMark = { providerOptions: SharedV4ProviderOptions };
const ANTHROPIC_MARK: CacheMark = {
  providerOptions: { anthropic: { cacheControl: { type: 'ephemeral' } } },
};
const BEDROCK_MARK: CacheMark = {
  providerOptions: { bedrock: { cachePoint: { type: 'default' } } },
};

/** Models of Bedrock that accept cache marks. All others refuse a request with one. */
const BEDROCK_CACHING =
  /amazon\.nova-|anthropic\.claude-(?!v\d|instant|3-(opus|sonnet|haiku)|3-5-sonnet-20240620)/;

/** Builds the options of a call from a request, its prompt and the parameters of its model. */
export function callOptions(
  request: ModelRequest,
  prompt: LanguageModelV4Prompt,
  params: CallParams,
  vendor: string,
): LanguageModelV4CallOptions {
  const mark = cacheMark(vendor, request.model.model, params.isCached);
  const tools = [...functionTools(request, mark), ...params.providerTools];
  const { toolChoice, ...options } = params.options;
  const choice = request.tool_choice
    ? ({ type: 'tool', toolName: request.tool_choice } as const)
    : toolChoice;
  const { output_schema: schema } = request;
  const isInstructed = schema !== null && tools.length > 0 && NO_SCHEMA_WITH_TOOLS.has(vendor);
  const isCiting = params.isCiting && schema === null && !hasFilesInResults(prompt);
  const citingPrompt = isCiting ? withCitations(prompt) : prompt;
  const instructedPrompt = isInstructed ? withInstruction(prompt, schema) : citingPrompt;
  return {
    ...options,
    prompt: mark ? withCacheMarks(instructedPrompt, mark) : instructedPrompt,
    ...(tools.length > 0 ? { tools } : {}),
    ...(tools.length > 0 && choice ? { toolChoice: choice } : {}),
    ...(schema !== null && !isInstructed
      ? { responseFormat: { type: 'json', schema: schema as JSONSchema7, name: 'output' } }
      : {}),
    providerOptions: vendorOptions(vendor, request, params, choice?.type === 'tool'),
  };
}

/**
 * Returns the mark for the cache of a vendor, or undefined if the request gets none. A model of
 * Bedrock with another name, such as that of an inference profile, is marked if `isCached` is true.
 */
function cacheMark(vendor: string, model: string, isCached?: boolean): CacheMark | undefined {
  if (isCached === false) return undefined;
  if (vendor === 'anthropic') return ANTHROPIC_MARK;
  const isMarked = vendor === 'amazon-bedrock' && (isCached || BEDROCK_CACHING.test(model));
  return isMarked ? BEDROCK_MARK : undefined;
}

function functionTools({ tools }: ModelRequest, mark?: CacheMark): LanguageModelV4FunctionTool[] {
  return tools.map(({ name, description, parameters, is_strict }, at) => ({
    type: 'function',
    name,
    description,
    inputSchema: parameters as JSONSchema7,
    ...(is_strict && { strict: true }),
    ...(at === tools.length - 1 ? mark : {}),
  }));
}

function vendorOptions(
  vendor: string,
  { model: { model }, is_output_strict }: ModelRequest,
  { reasoning, areCallsParallel }: CallParams,
  isForced: boolean,
): SharedV4ProviderOptions {
  const isThinking = reasoning && !(isForced && NO_THINKING_IN_FORCED_CALL.has(vendor));
  const name = optionsName(vendor);
  const options = {
    ...EACH_CALL[vendor],
    ...(is_output_strict ? { strictJsonSchema: true } : {}),
    ...(isThinking ? reasoningOptions(vendor, model, reasoning) : {}),
    ...(areCallsParallel ? {} : sequentialCalls(vendor)),
  };
  return Object.keys(options).length > 0 ? { [name]: options } : {};
}

/** Returns the option that makes a model call one tool after the other. */
function sequentialCalls(vendor: string): SharedV4ProviderOptions[string] {
  return vendor === 'anthropic' ? { disableParallelToolUse: true } : { parallelToolCalls: false };
}

/**
 * Marks what a vendor may cache: the system message, the messages of this request, and those of the
 * request before, which are in the cache already. For Anthropic the last tool is marked as well.
 * Four marks are the most that Anthropic and Bedrock accept.
 */
function withCacheMarks(prompt: LanguageModelV4Prompt, mark: CacheMark): LanguageModelV4Prompt {
  const answered = prompt.findLastIndex(({ role }) => role === 'assistant');
  const marked = new Set([
    prompt.findLastIndex(({ role }) => role === 'system'),
    prompt.length - 1,
    answered - 1,
  ]);
  return prompt.map((message, at) => (marked.has(at) ? { ...message, ...mark } : message));
}

/** Marks the documents of users as sources that Anthropic may cite: all of them, or none. */
function withCitations(prompt: LanguageModelV4Prompt): LanguageModelV4Prompt {
  const providerOptions = { anthropic: { citations: { enabled: true } } };
  return prompt.map((message) => {
    if (message.role !== 'user') return message;
    const content = message.content.map((part) => {
      const isDocument = part.type === 'file' && !/^(image|audio)\//.test(part.mediaType);
      return isDocument ? { ...part, providerOptions } : part;
    });
    return { ...message, content };
  });
}

/** Returns whether results of tools contain documents, which Anthropic does not cite. */
function hasFilesInResults(prompt: LanguageModelV4Prompt): boolean {
  return prompt.some(
    ({ role, content }) =>
      role === 'tool' &&
      content.some((part) => part.type === 'tool-result' && part.output.type === 'content'),
  );
}

/** Adds the schema of the answer to the system message. */
function withInstruction(prompt: LanguageModelV4Prompt, schema: JsonSchema): LanguageModelV4Prompt {
  const text = `Your final answer must be JSON without any other text. It must match this JSON Schema: ${JSON.stringify(schema)}`;
  const [first, ...rest] = prompt;
  return first?.role === 'system'
    ? [{ ...first, content: `${first.content}\n\n${text}` }, ...rest]
    : [{ role: 'system', content: text }, ...prompt];
}
