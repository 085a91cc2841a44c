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

/**
 * The providers by fast-agent's name. A vendor that Howdah knows has its name there, and needs no
 * address. Another server with OpenAI's format is reached by its address.
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
  anthropic: { provider: 'anthropic' },
  'anthropic-vertex': {
    provider: 'anthropic',
    section: 'anthropic',
    but: 'fast-agent uses Vertex AI; Howdah uses the Anthropic API with a key',
  },
  bedrock: { provider: 'amazon-bedrock' },
  azure: { provider: 'azure' },
  aliyun: { provider: 'alibaba' },
  deepseek: { provider: 'deepseek' },
  generic: {
    provider: 'openai-compatible',
    base_url: 'http://localhost:11434/v1',
    isOpen: true,
  },
  google: { provider: 'google' },
  googleoai: {
    provider: 'openai-compatible',
    base_url: 'https://generativelanguage.googleapis.com/v1beta/openai',
    section: 'google',
  },
  groq: { provider: 'groq' },
  hf: { provider: 'huggingface' },
  metaai: { provider: 'openai-compatible', base_url: 'https://api.meta.ai/v1' },
  moonshot: { provider: 'moonshotai' },
  openrouter: { provider: 'openrouter' },
  tensorzero: {
    provider: 'openai-compatible',
    base_url: 'http://localhost:3000/openai/v1',
    isOpen: true,
  },
  xai: { provider: 'xai' },
  zai: { provider: 'zai' },
};

/** The names of reasoning efforts. */
export const EFFORTS = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/** Models of fast-agent's own tests, which no server has. */
export const TEST_MODELS = new Set(['passthrough', 'playback', 'silent', 'slow']);
