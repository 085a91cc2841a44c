import type { ModelPurpose } from '../../../src/contracts/agents/model.ts';

/** The models of a vendor that the catalogue contains, by purpose. */
export type VendorSelection = {
  /** The vendor's name in src/providers/vendors.ts. */
  vendor: string;
  /** The vendor's name in @pydantic/genai-prices. */
  source: string;
  models: Partial<Record<ModelPurpose, readonly string[]>>;
};

const words = (text: string): string[] => text.trim().split(/\s+/);

/** The current models of each vendor that are reasonable choices for new work. */
export const SELECTION: readonly VendorSelection[] = [
  {
    vendor: 'openai',
    source: 'openai',
    models: {
      llm: words(`
        gpt-4.1 gpt-4.1-mini gpt-4.1-nano gpt-4o gpt-4o-2024-05-13 gpt-4o-mini gpt-5 gpt-5-mini
        gpt-5-nano gpt-5-pro gpt-5.1 gpt-5.2 gpt-5.2-pro gpt-5.3 gpt-5.3-codex gpt-5.4 gpt-5.4-mini
        gpt-5.4-nano gpt-5.4-pro gpt-5.5 gpt-5.5-pro gpt-5.6-luna gpt-5.6-sol gpt-5.6-terra
        gpt-6-astra gpt-6-luna gpt-6-sol gpt-audio gpt-audio-mini o3 o3-mini o3-pro o4-mini`),
      embedding: words('text-embedding-3-large text-embedding-3-small text-embedding-ada-002'),
      tts: ['gpt-4o-mini-tts'],
      stt: words('gpt-4o-mini-transcribe gpt-4o-transcribe gpt-transcribe whisper-1'),
      image: words('gpt-image-1 gpt-image-1-mini gpt-image-1.5 gpt-image-2'),
    },
  },
  {
    vendor: 'anthropic',
    source: 'anthropic',
    models: {
      llm: words(`
        claude-fable-5 claude-fable-5-1 claude-haiku-4-5 claude-opus-4-1 claude-opus-4-5
        claude-opus-4-6 claude-opus-4-7 claude-opus-4-8 claude-opus-5 claude-opus-5-5
        claude-sonnet-4-5 claude-sonnet-4-6 claude-sonnet-5`),
    },
  },
  {
    vendor: 'google',
    source: 'google',
    models: {
      llm: words(`
        gemini-2.0-flash gemini-2.5-flash gemini-2.5-flash-lite gemini-2.5-pro
        gemini-3-flash-preview gemini-3-pro-preview gemini-3.1-flash-lite gemini-3.1-pro-preview
        gemini-3.5-flash gemini-3.5-flash-lite gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash`),
      embedding: words('gemini-embedding-001 gemini-embedding-2'),
      tts: words('gemini-2.5-flash-tts gemini-2.5-pro-tts'),
      image: words('gemini-2.5-flash-image gemini-3-pro-image-preview'),
    },
  },
  {
    vendor: 'amazon-bedrock',
    source: 'aws',
    models: {
      llm: words(`
        amazon.nova-lite-v1:0 amazon.nova-micro-v1:0 amazon.nova-premier-v1:0 amazon.nova-pro-v1:0
        global.amazon.nova-2-lite-v1:0 global.anthropic.claude-haiku-4-5-20251001-v1:0
        global.anthropic.claude-opus-4-6-v1:0 global.anthropic.claude-opus-5
        global.anthropic.claude-sonnet-4-5-20250929-v1:0 global.anthropic.claude-sonnet-4-6-v1:0
        global.anthropic.claude-sonnet-5-v1:0 meta.llama3-3-70b-instruct-v1:0
        meta.llama4-maverick-17b-instruct-v1:0 mistral.mistral-large-3-675b-instruct
        openai.gpt-oss-120b-1:0 openai.gpt-oss-20b-1:0`),
      embedding: ['amazon.titan-embed-text-v1'],
    },
  },
  {
    vendor: 'azure',
    source: 'azure',
    models: { embedding: words('text-embedding-3-large text-embedding-3-small') },
  },
  {
    vendor: 'mistral',
    source: 'mistral',
    models: {
      llm: words(`
        codestral-2508 devstral-2512 ministral-14b-2512 ministral-3b-2512 ministral-8b-2512
        mistral-large-2512 mistral-medium-3-5 mistral-small-2603 mistral-small-latest`),
      embedding: ['mistral-embed'],
      stt: ['voxtral-mini-2602'],
    },
  },
  {
    vendor: 'cohere',
    source: 'cohere',
    models: {
      llm: words('command-a command-r command-r-plus command-r7b'),
      embedding: ['embed-v4.0'],
    },
  },
  {
    vendor: 'groq',
    source: 'groq',
    models: {
      llm: words(`
        llama-3.1-8b-instant llama-3.3-70b-versatile meta-llama/llama-4-maverick-17b-128e-instruct
        meta-llama/llama-4-scout-17b-16e-instruct openai/gpt-oss-120b openai/gpt-oss-20b
        qwen/qwen3-32b`),
      stt: words('whisper-large-v3 whisper-large-v3-turbo'),
    },
  },
  {
    vendor: 'xai',
    source: 'x-ai',
    models: {
      llm: words(`
        grok-4-0709 grok-4-1-fast-non-reasoning grok-4-1-fast-reasoning grok-4.20 grok-4.3 grok-4.5
        grok-4.6 grok-code-fast-1`),
    },
  },
  {
    vendor: 'deepseek',
    source: 'deepseek',
    models: { llm: words('deepseek-chat deepseek-reasoner deepseek-v4-flash deepseek-v4-pro') },
  },
  {
    vendor: 'perplexity',
    source: 'perplexity',
    models: { llm: words('sonar sonar-deep-research sonar-pro sonar-reasoning-pro') },
  },
  {
    vendor: 'cerebras',
    source: 'cerebras',
    models: { llm: words('gemma-4-31b gpt-oss-120b llama3.1-8b zai-glm-4.7') },
  },
  {
    vendor: 'moonshotai',
    source: 'moonshotai',
    models: { llm: words('kimi-k2-thinking kimi-k2.5 kimi-k2.6 kimi-k2.7-code kimi-k3') },
  },
  {
    vendor: 'zai',
    source: 'zai',
    models: { llm: words('GLM-5.2 GLM-5.3 GLM-5.3-Flash') },
  },
];
