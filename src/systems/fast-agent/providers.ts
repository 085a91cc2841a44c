/** The provider here that a provider of fast-agent maps to. */
export type Reach = {
  provider: string;
  base_url?: string;
  /** The section of the configuration, if its name differs. */
  section?: string;
  /** True for a server of one's own, which needs no key. */
  isOpen?: boolean;
  /** The difference to the provider of fast-agent. */
  but?: string;
};

const NOT_SERVED = 'its provider is imported, but runs cannot use it yet';

/**
 * The providers by fast-agent's name. A provider with OpenAI's format is reached by its address.
 */
export const PROVIDERS: Readonly<Record<string, Reach>> = {
  openai: { provider: 'openai' },
  responses: { provider: 'openai', section: 'openai' },
  codexresponses: {
    provider: 'openai',
    but: 'fast-agent uses a Codex subscription; Howdah uses the OpenAI API with a key',
  },
  openresponses: {
    provider: 'openai-compatible',
    base_url: 'http://localhost:8080/v1',
    isOpen: true,
  },
  anthropic: { provider: 'anthropic', but: NOT_SERVED },
  'anthropic-vertex': { provider: 'anthropic-vertex', but: NOT_SERVED, section: 'anthropic' },
  bedrock: { provider: 'bedrock', but: NOT_SERVED },
  azure: { provider: 'azure' },
  aliyun: {
    provider: 'openai-compatible',
    base_url: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
  },
  deepseek: { provider: 'deepseek', base_url: 'https://api.deepseek.com/v1' },
  generic: {
    provider: 'openai-compatible',
    base_url: 'http://localhost:11434/v1',
    isOpen: true,
  },
  google: {
    provider: 'openai-compatible',
    base_url: 'https://generativelanguage.googleapis.com/v1beta/openai',
  },
  googleoai: {
    provider: 'openai-compatible',
    base_url: 'https://generativelanguage.googleapis.com/v1beta/openai',
    section: 'google',
  },
  groq: { provider: 'groq', base_url: 'https://api.groq.com/openai/v1' },
  hf: { provider: 'openai-compatible', base_url: 'https://router.huggingface.co/v1' },
  metaai: { provider: 'openai-compatible', base_url: 'https://api.meta.ai/v1' },
  moonshot: { provider: 'openai-compatible', base_url: 'https://api.moonshot.ai/v1' },
  openrouter: { provider: 'openrouter', base_url: 'https://openrouter.ai/api/v1' },
  tensorzero: {
    provider: 'openai-compatible',
    base_url: 'http://localhost:3000/openai/v1',
    isOpen: true,
  },
  xai: { provider: 'openai-compatible', base_url: 'https://api.x.ai/v1' },
  zai: { provider: 'openai-compatible', base_url: 'https://api.z.ai/api/paas/v4' },
};

/** The names of reasoning efforts. */
export const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** Models of fast-agent's own tests, which no server has. */
export const TEST_MODELS = new Set(['passthrough', 'playback', 'silent', 'slow']);

/** The provider of a model string without a provider, by the beginning of the name. */
const BY_NAME: readonly (readonly [RegExp, string])[] = [
  [/^(gpt-|chatgpt|o\d)/, 'openai'],
  [/^claude-/, 'anthropic'],
  [/^gemini-/, 'google'],
  [/^deepseek-v/, 'deepseek'],
  [/^grok-/, 'xai'],
  [/^muse-/, 'metaai'],
  [/^qwen-|^qwen3-max$/, 'aliyun'],
  [/\//, 'hf'],
];

/** Returns the provider of a model by the beginning of its name, or undefined. */
export function providerOf(model: string): string | undefined {
  return BY_NAME.find(([pattern]) => pattern.test(model))?.[1];
}

/**
 * Short names of fast-agent 0.10 (August 2026). Their meaning changes with new models, so they are
 * expanded.
 */
export const ALIASES: ReadonlyMap<string, string> = new Map(
  Object.entries({
    chatgpt: 'responses.chat-latest',
    'chat-latest': 'responses.chat-latest',
    claude: 'claude-sonnet-5',
    codex: 'responses.gpt-5.3-codex?reasoning=high',
    codexplan: 'codexresponses.gpt-5.6-sol?reasoning=high',
    codexspark: 'codexresponses.gpt-5.3-codex-spark',
    deepseek: 'deepseek.deepseek-v4-flash',
    'deepseek-hf': 'hf.deepseek-ai/DeepSeek-V4-Pro:together',
    deepseekpro: 'deepseek.deepseek-v4-pro',
    fable: 'claude-fable-5',
    fable5: 'claude-fable-5',
    gemini: 'gemini-3.1-pro-preview',
    gemini2: 'gemini-2.0-flash',
    gemini25: 'gemini-2.5-flash',
    gemini25pro: 'gemini-2.5-pro',
    gemini3: 'gemini-3-pro-preview',
    'gemini3.1': 'gemini-3.1-pro-preview',
    'gemini3.1flashlite': 'gemini-3.1-flash-lite-preview',
    'gemini3.5flash': 'gemini-3.5-flash',
    gemini31pro: 'gemini-3.1-pro-preview',
    gemini35: 'gemini-3.5-flash',
    gemini35flash: 'gemini-3.5-flash',
    gemini3flash: 'gemini-3-flash-preview',
    glm: 'hf.zai-org/GLM-5.2:zai-org',
    'gpt-oss': 'hf.openai/gpt-oss-120b:cerebras',
    'gpt-oss-20b': 'hf.openai/gpt-oss-20b',
    gpt51: 'gpt-5.1',
    gpt52: 'gpt-5.2',
    gpt54: 'gpt-5.4',
    'gpt54-mini': 'gpt-5.4-mini',
    'gpt54-nano': 'gpt-5.4-nano',
    gpt55: 'gpt-5.5',
    gpt56: 'gpt-5.6',
    grok: 'xai.grok-4.6',
    grok4: 'xai.grok-4.6',
    haiku: 'claude-haiku-4-5',
    haiku45: 'claude-haiku-4-5',
    kimi: 'hf.moonshotai/Kimi-K2.7-Code:fireworks-ai?temperature=1.0&top_p=0.95',
    kimik3: 'moonshot.kimi-k3',
    luna: 'codexresponses.gpt-5.6-luna?reasoning=medium',
    minimax: 'hf.MiniMaxAI/MiniMax-M3:together?temperature=1.0&top_p=0.95&top_k=40',
    muse: 'metaai.muse-spark-1.2',
    opus: 'claude-opus-5',
    opus4: 'claude-opus-4-8',
    opus46: 'claude-opus-4-6',
    opus47: 'claude-opus-4-7',
    opus48: 'claude-opus-4-8',
    opus5: 'claude-opus-5',
    'qwen3-32b': 'groq.qwen/qwen3-32b',
    'qwen3.6-27b': 'groq.qwen/qwen3.6-27b',
    'qwen-turbo': 'aliyun.qwen-turbo',
    sol: 'codexresponses.gpt-5.6-sol?reasoning=high',
    sonnet: 'claude-sonnet-5',
    sonnet4: 'claude-sonnet-4-6',
    sonnet46: 'claude-sonnet-4-6',
    sonnet5: 'claude-sonnet-5',
    terra: 'codexresponses.gpt-5.6-terra?reasoning=high',
    zaiglm: 'zai.glm-5.2',
  }),
);
