import type { ModelPurpose } from '../../contracts/agents/model.ts';

/** The usual models of vendors. Generated from models.json. */
export const USUAL_MODELS: Readonly<Record<string, Partial<Record<ModelPurpose, string>>>> = {
  "openai": {"llm":"gpt-5-mini","embedding":"text-embedding-3-small","tts":"gpt-4o-mini-tts","stt":"gpt-4o-mini-transcribe"},
  "anthropic": {"llm":"claude-sonnet-4-5"},
  "google": {"llm":"gemini-2.5-flash","embedding":"gemini-embedding-001"},
  "mistral": {"llm":"mistral-small-latest","embedding":"mistral-embed","stt":"voxtral-mini-latest"},
  "cohere": {"llm":"command-a-03-2025","embedding":"embed-v4.0"},
  "groq": {"llm":"llama-3.3-70b-versatile","stt":"whisper-large-v3-turbo"},
  "xai": {"llm":"grok-4"},
  "deepseek": {"llm":"deepseek-chat"},
  "togetherai": {"llm":"meta-llama/Llama-3.3-70B-Instruct-Turbo"},
  "fireworks": {"llm":"accounts/fireworks/models/gpt-oss-120b"},
  "perplexity": {"llm":"sonar"},
  "cerebras": {"llm":"gpt-oss-120b"},
  "deepinfra": {"llm":"meta-llama/Llama-3.3-70B-Instruct"},
  "moonshotai": {"llm":"kimi-k2.6"},
  "alibaba": {"llm":"qwen-plus"},
  "elevenlabs": {"tts":"eleven_multilingual_v2","stt":"scribe_v1"},
  "deepgram": {"tts":"aura-2-thalia-en","stt":"nova-3"},
  "assemblyai": {"stt":"best"},
  "openrouter": {"llm":"openrouter/auto"},
  "nvidia": {"llm":"meta/llama-3.3-70b-instruct"},
  "zai": {"llm":"glm-5.3"},
  "ollama": {"llm":"llama3.2","embedding":"nomic-embed-text"},
  "llamacpp": {"llm":"default"},
  "local": {"llm":"extractive"},
};
