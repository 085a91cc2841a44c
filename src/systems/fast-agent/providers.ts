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
