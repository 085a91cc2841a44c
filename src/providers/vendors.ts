import type { ModelPurpose } from '../contracts/agents/model.ts';
import { isOneLetterApart } from '../text/closest-names.ts';

/**
 * A vendor of models, by its name in the column `provider` of a model.
 *
 * A vendor is reached in one of two ways: through a package of the AI SDK, which speaks the
 * vendor's own format, or through OpenAI's format at `openAiUrl`. A vendor with both uses the
 * package when it is installed, for the purposes of `sdkPurposes`.
 */
export type Vendor = Readonly<{
  name: string;
  title: string;
  /** The package of the AI SDK and the function in it that creates a provider, if any. */
  sdk?: Readonly<{ package: string; create: string }>;
  /**
   * The purposes for which the package is used. For all others the vendor is called in OpenAI's
   * format, which the package knows less well: it loses tools, schemas or parameters.
   */
  sdkPurposes?: readonly ModelPurpose[];
  /** The address where the vendor speaks OpenAI's format, if it does. */
  openAiUrl?: string;
  /** The address that the package calls by default. */
  sdkUrl?: string;
  /** The names of environment variables with the key, the first one in use wins. */
  keyVariables: readonly string[];
  /** Two variables that are a key together, if none of `keyVariables` is set. */
  keyPair?: readonly [string, string];
  /** Names that users write for this vendor: hosts of its API, and other names. */
  aliases: readonly string[];
  /** Set for a server on the user's own machine, which needs no key. */
  isLocal?: true;
  /** Set if the vendor needs settings other than a key (project, region, resource). */
  settings?: readonly string[];
  /** Purposes for which the vendor has no models. Absent: none is known to be missing. */
  missing?: readonly ModelPurpose[];
}>;

/** The purposes that vendors with only language models lack. */
const TEXT_ONLY: readonly ModelPurpose[] = ['embedding', 'tts', 'stt', 'image', 'rerank'];
/** The purposes that vendors with only speech and transcription lack. */
const AUDIO_ONLY: readonly ModelPurpose[] = ['llm', 'embedding', 'image', 'rerank', 'classifier'];

/** The address of OpenAI. */
export const OPENAI_URL = 'https://api.openai.com/v1';

/** The packages that Howdah brings. All others are used when they are installed. */
export const BUNDLED_PACKAGES: ReadonlySet<string> = new Set([
  '@ai-sdk/anthropic',
  '@ai-sdk/google',
]);

/** Returns the variables that hold the key of a vendor, in words. */
export function variablesOfKey({
  keyVariables: [first],
  keyPair,
}: Pick<Vendor, 'keyVariables' | 'keyPair'>): string {
  return keyPair === undefined ? `${first}` : `${first}, or ${keyPair.join(' and ')}`;
}

/** Returns a vendor whose package is `@ai-sdk/<name>`. */
function aiSdk(
  name: string,
  title: string,
  create: string,
  rest: Omit<Vendor, 'name' | 'title' | 'sdk'>,
): Vendor {
  return { name, title, sdk: { package: `@ai-sdk/${name}`, create }, ...rest };
}

/** Returns a vendor or server that speaks only OpenAI's format. */
function compatible(
  name: string,
  title: string,
  openAiUrl: string,
  rest: Omit<Vendor, 'name' | 'title' | 'openAiUrl'>,
): Vendor {
  return { name, title, openAiUrl, ...rest };
}

/** All vendors that Howdah knows by name, besides `local` and `scripted`. */
export const VENDORS: readonly Vendor[] = [
  compatible('openai', 'OpenAI', OPENAI_URL, {
    keyVariables: ['OPENAI_API_KEY'],
    aliases: ['openai.com', 'api.openai.com'],
  }),
  aiSdk('anthropic', 'Anthropic', 'createAnthropic', {
    sdkUrl: 'https://api.anthropic.com/v1',
    keyVariables: ['ANTHROPIC_API_KEY'],
    aliases: ['anthropic.com', 'api.anthropic.com', 'claude', 'claude.ai'],
    missing: TEXT_ONLY,
  }),
  aiSdk('google', 'Google Gemini', 'createGoogle', {
    sdkUrl: 'https://generativelanguage.googleapis.com/v1beta',
    keyVariables: ['GOOGLE_GENERATIVE_AI_API_KEY', 'GEMINI_API_KEY', 'GOOGLE_API_KEY'],
    aliases: ['gemini', 'google-generative-ai', 'generativelanguage.googleapis.com'],
  }),
  aiSdk('google-vertex', 'Google Vertex AI', 'createGoogleVertex', {
    keyVariables: ['GOOGLE_VERTEX_API_KEY'],
    aliases: ['vertex', 'vertex_ai', 'aiplatform.googleapis.com'],
    settings: ['project', 'location'],
  }),
  aiSdk('amazon-bedrock', 'Amazon Bedrock', 'createAmazonBedrock', {
    keyVariables: ['AWS_BEARER_TOKEN_BEDROCK'],
    keyPair: ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
    aliases: ['bedrock', 'aws-bedrock'],
    settings: ['region'],
  }),
  aiSdk('azure', 'Azure OpenAI', 'createAzure', {
    keyVariables: ['AZURE_API_KEY', 'AZURE_OPENAI_API_KEY'],
    aliases: ['azure-openai', 'openai.azure.com'],
    settings: ['resourceName', 'apiVersion'],
  }),
  aiSdk('mistral', 'Mistral', 'createMistral', {
    openAiUrl: 'https://api.mistral.ai/v1',
    sdkUrl: 'https://api.mistral.ai/v1',
    keyVariables: ['MISTRAL_API_KEY'],
    aliases: ['mistral.ai', 'api.mistral.ai', 'mistralai'],
  }),
  aiSdk('cohere', 'Cohere', 'createCohere', {
    openAiUrl: 'https://api.cohere.ai/compatibility/v1',
    sdkUrl: 'https://api.cohere.com/v2',
    keyVariables: ['COHERE_API_KEY', 'CO_API_KEY'],
    aliases: ['cohere.com', 'api.cohere.com', 'cohere.ai'],
  }),
  aiSdk('groq', 'Groq', 'createGroq', {
    openAiUrl: 'https://api.groq.com/openai/v1',
    sdkUrl: 'https://api.groq.com/openai/v1',
    keyVariables: ['GROQ_API_KEY'],
    aliases: ['groq.com', 'api.groq.com'],
    missing: ['embedding', 'image', 'rerank'],
  }),
  aiSdk('xai', 'xAI', 'createXai', {
    openAiUrl: 'https://api.x.ai/v1',
    sdkUrl: 'https://api.x.ai/v1',
    keyVariables: ['XAI_API_KEY'],
    aliases: ['x.ai', 'api.x.ai', 'grok'],
  }),
  aiSdk('deepseek', 'DeepSeek', 'createDeepSeek', {
    openAiUrl: 'https://api.deepseek.com/v1',
    sdkUrl: 'https://api.deepseek.com/v1',
    keyVariables: ['DEEPSEEK_API_KEY'],
    aliases: ['deepseek.com', 'api.deepseek.com'],
    missing: TEXT_ONLY,
  }),
  aiSdk('togetherai', 'Together AI', 'createTogetherAI', {
    openAiUrl: 'https://api.together.xyz/v1',
    sdkUrl: 'https://api.together.xyz/v1',
    keyVariables: ['TOGETHER_API_KEY', 'TOGETHER_AI_API_KEY', 'TOGETHERAI_API_KEY'],
    aliases: ['together', 'together.ai', 'together.xyz', 'api.together.xyz'],
    sdkPurposes: ['image'],
  }),
  aiSdk('fireworks', 'Fireworks', 'createFireworks', {
    openAiUrl: 'https://api.fireworks.ai/inference/v1',
    sdkUrl: 'https://api.fireworks.ai/inference/v1',
    keyVariables: ['FIREWORKS_API_KEY'],
    aliases: ['fireworks.ai', 'api.fireworks.ai', 'fireworks-ai'],
    sdkPurposes: ['image'],
  }),
  compatible('perplexity', 'Perplexity', 'https://api.perplexity.ai', {
    keyVariables: ['PERPLEXITY_API_KEY'],
    aliases: ['perplexity.ai', 'api.perplexity.ai'],
  }),
  compatible('cerebras', 'Cerebras', 'https://api.cerebras.ai/v1', {
    keyVariables: ['CEREBRAS_API_KEY'],
    aliases: ['cerebras.ai', 'api.cerebras.ai'],
    missing: TEXT_ONLY,
  }),
  aiSdk('deepinfra', 'DeepInfra', 'createDeepInfra', {
    openAiUrl: 'https://api.deepinfra.com/v1/openai',
    sdkUrl: 'https://api.deepinfra.com/v1',
    keyVariables: ['DEEPINFRA_API_KEY'],
    aliases: ['deepinfra.com', 'api.deepinfra.com'],
    sdkPurposes: ['image'],
  }),
  compatible('huggingface', 'Hugging Face', 'https://router.huggingface.co/v1', {
    keyVariables: ['HUGGINGFACE_API_KEY', 'HF_TOKEN'],
    aliases: ['hf', 'huggingface.co', 'router.huggingface.co', 'hugging-face', 'hfapimodel'],
  }),
  compatible('moonshotai', 'Moonshot AI', 'https://api.moonshot.ai/v1', {
    keyVariables: ['MOONSHOT_API_KEY'],
    aliases: ['moonshot', 'moonshot.ai', 'api.moonshot.ai', 'kimi'],
    missing: TEXT_ONLY,
  }),
  compatible('alibaba', 'Alibaba Cloud', 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1', {
    keyVariables: ['ALIBABA_API_KEY', 'DASHSCOPE_API_KEY'],
    aliases: ['aliyun', 'dashscope', 'dashscope-intl.aliyuncs.com', 'qwen'],
  }),
  aiSdk('elevenlabs', 'ElevenLabs', 'createElevenLabs', {
    sdkUrl: 'https://api.elevenlabs.io',
    keyVariables: ['ELEVENLABS_API_KEY'],
    aliases: ['elevenlabs.io', 'api.elevenlabs.io', '11labs'],
    missing: AUDIO_ONLY,
  }),
  aiSdk('deepgram', 'Deepgram', 'createDeepgram', {
    sdkUrl: 'https://api.deepgram.com',
    keyVariables: ['DEEPGRAM_API_KEY'],
    aliases: ['deepgram.com', 'api.deepgram.com'],
    missing: AUDIO_ONLY,
  }),
  aiSdk('assemblyai', 'AssemblyAI', 'createAssemblyAI', {
    sdkUrl: 'https://api.assemblyai.com',
    keyVariables: ['ASSEMBLYAI_API_KEY'],
    aliases: ['assemblyai.com', 'api.assemblyai.com'],
    missing: [...AUDIO_ONLY, 'tts'],
  }),
  compatible('openrouter', 'OpenRouter', 'https://openrouter.ai/api/v1', {
    keyVariables: ['OPENROUTER_API_KEY'],
    aliases: ['openrouter.ai'],
  }),
  compatible('nvidia', 'NVIDIA NIM', 'https://integrate.api.nvidia.com/v1', {
    keyVariables: ['NVIDIA_API_KEY'],
    aliases: ['nvidia.com', 'integrate.api.nvidia.com', 'nim'],
  }),
  compatible('zai', 'Z.ai', 'https://api.z.ai/api/paas/v4', {
    keyVariables: ['ZAI_API_KEY'],
    aliases: ['z.ai', 'api.z.ai', 'zhipu'],
  }),
  compatible('ollama', 'Ollama', 'http://127.0.0.1:11434/v1', {
    keyVariables: [],
    aliases: ['ollama.local'],
    isLocal: true,
  }),
  compatible('llamacpp', 'llama.cpp', 'http://127.0.0.1:8080/v1', {
    keyVariables: [],
    aliases: ['llama.cpp', 'llama-cpp', 'llama-server'],
    isLocal: true,
  }),
  compatible('lmstudio', 'LM Studio', 'http://127.0.0.1:1234/v1', {
    keyVariables: [],
    aliases: ['lm-studio', 'lm_studio'],
    isLocal: true,
  }),
];

/** Names of servers with OpenAI's format that have no address of their own. */
export const SERVERS_WITHOUT_ADDRESS: ReadonlySet<string> = new Set(['openai-compatible', 'vllm']);

/** Returns whether a name is a host with a dot, such as `models.example:8443`. */
export function isHostName(name: string): boolean {
  return /^[a-z0-9-]+(\.[a-z0-9-]+)+(:\d{1,5})?$/.test(name) && URL.canParse(`https://${name}`);
}

/** The hosts of vendors that are long enough to be told from other hosts by one letter. */
const HOSTS = VENDORS.flatMap(({ aliases }) =>
  aliases.filter((alias) => isHostName(alias) && alias.length >= 8 && alias.length <= 60),
);

/**
 * Returns the host of a vendor that differs from a host by one letter. The rule is that of
 * `howdah_private.nearest_host`.
 */
export function nearestHost(host: string): string | undefined {
  return HOSTS.find((known) => isOneLetterApart(known, host));
}

const BY_NAME: ReadonlyMap<string, Vendor> = new Map(
  VENDORS.flatMap((vendor) =>
    [vendor.name, ...vendor.aliases].map((name): [string, Vendor] => [name, vendor]),
  ),
);

/** Purposes that the offline model has no implementation for. */
const MISSING_LOCALLY: readonly ModelPurpose[] = ['tts', 'stt', 'image'];

/** The providers that have no models for some purposes, by their names. */
export const MISSING_PURPOSES: ReadonlyMap<string, readonly ModelPurpose[]> = new Map([
  ['local', MISSING_LOCALLY],
  ...VENDORS.flatMap(({ name, missing }): [string, readonly ModelPurpose[]][] =>
    missing === undefined ? [] : [[name, missing]],
  ),
]);

/** Finds a vendor by its name, a host of its API, or another name that users write. */
export function findVendor(name: string): Vendor | undefined {
  return BY_NAME.get(name.trim().toLowerCase());
}
