import type { FinishReason } from '../../contracts/agents/model.ts';

/**
 * How an answer ended. Besides the reasons of the log:
 *
 * - `pause`: the vendor wants the same request again, with the answer so far, to continue
 * - `overloaded`, `error`: the vendor gave up; another attempt may succeed
 */
export type AnswerEnd = FinishReason | 'pause' | 'overloaded' | 'error';

/** A finish reason of vendors, as they write it, and what it means. */
export type FinishReasonRow = { value: string; meaning: AnswerEnd; vendors: string };

/**
 * The finish reasons of all vendors, whatever letter case they use. `docs/reference/providers.md`
 * is generated from this table.
 */
export const VENDOR_FINISH_REASONS: readonly FinishReasonRow[] = [
  {
    value: 'stop',
    meaning: 'stop',
    vendors: 'OpenAI, Google, Mistral, Groq, xAI, DeepSeek, Ollama',
  },
  { value: 'end_turn', meaning: 'stop', vendors: 'Anthropic, Bedrock' },
  { value: 'stop_sequence', meaning: 'stop', vendors: 'Anthropic, Bedrock, Cohere' },
  { value: 'complete', meaning: 'stop', vendors: 'Cohere' },
  { value: 'completed', meaning: 'stop', vendors: 'xAI' },
  { value: 'eos', meaning: 'stop', vendors: 'Together' },
  { value: 'eos_token', meaning: 'stop', vendors: 'Hugging Face' },
  { value: 'tool_calls', meaning: 'tool_calls', vendors: 'OpenAI, Mistral, Groq, xAI, DeepSeek' },
  { value: 'tool_call', meaning: 'tool_calls', vendors: 'Cohere' },
  { value: 'tool_use', meaning: 'tool_calls', vendors: 'Anthropic, Bedrock' },
  { value: 'function_call', meaning: 'tool_calls', vendors: 'OpenAI (before 2024), xAI' },
  { value: 'length', meaning: 'length', vendors: 'OpenAI, Mistral, Groq, xAI, DeepSeek, Ollama' },
  { value: 'max_tokens', meaning: 'length', vendors: 'Anthropic, Bedrock, Google, Cohere' },
  { value: 'max_output_tokens', meaning: 'length', vendors: 'OpenAI (responses), xAI' },
  { value: 'model_length', meaning: 'length', vendors: 'Mistral' },
  { value: 'model_context_window_exceeded', meaning: 'length', vendors: 'Anthropic, Bedrock' },
  { value: 'context_window_exceeded', meaning: 'length', vendors: 'gateways' },
  { value: 'context_length_exceeded', meaning: 'length', vendors: 'gateways' },
  { value: 'continuation', meaning: 'length', vendors: 'Google' },
  { value: 'error_limit', meaning: 'length', vendors: 'Cohere' },
  { value: 'incomplete', meaning: 'length', vendors: 'OpenAI (responses), Google (interactions)' },
  {
    value: 'content_filter',
    meaning: 'content_filter',
    vendors: 'OpenAI, Azure, Groq, xAI, DeepSeek',
  },
  { value: 'content_filtered', meaning: 'content_filter', vendors: 'Bedrock' },
  { value: 'guardrail_intervened', meaning: 'content_filter', vendors: 'Bedrock' },
  { value: 'safety', meaning: 'content_filter', vendors: 'Google' },
  { value: 'image_safety', meaning: 'content_filter', vendors: 'Google' },
  { value: 'recitation', meaning: 'content_filter', vendors: 'Google' },
  { value: 'blocklist', meaning: 'content_filter', vendors: 'Google' },
  { value: 'prohibited_content', meaning: 'content_filter', vendors: 'Google' },
  { value: 'spii', meaning: 'content_filter', vendors: 'Google' },
  { value: 'language', meaning: 'content_filter', vendors: 'Google' },
  { value: 'image_prohibited_content', meaning: 'content_filter', vendors: 'Google' },
  { value: 'image_recitation', meaning: 'content_filter', vendors: 'Google' },
  { value: 'model_armor', meaning: 'content_filter', vendors: 'Google (Vertex)' },
  { value: 'sensitive', meaning: 'content_filter', vendors: 'Zhipu' },
  { value: 'error_toxic', meaning: 'content_filter', vendors: 'Cohere' },
  { value: 'refusal', meaning: 'refusal', vendors: 'Anthropic' },
  { value: 'pause_turn', meaning: 'pause', vendors: 'Anthropic' },
  { value: 'insufficient_system_resource', meaning: 'overloaded', vendors: 'DeepSeek' },
  { value: 'network_error', meaning: 'error', vendors: 'Zhipu' },
  { value: 'malformed_function_call', meaning: 'error', vendors: 'Google' },
  { value: 'malformed_response', meaning: 'error', vendors: 'Google' },
  { value: 'unexpected_tool_call', meaning: 'error', vendors: 'Google' },
  { value: 'too_many_tool_calls', meaning: 'error', vendors: 'Google' },
  { value: 'missing_thought_signature', meaning: 'error', vendors: 'Google' },
  { value: 'image_other', meaning: 'error', vendors: 'Google' },
  { value: 'no_image', meaning: 'error', vendors: 'Google' },
  { value: 'malformed_model_output', meaning: 'error', vendors: 'Bedrock' },
  { value: 'malformed_tool_use', meaning: 'error', vendors: 'Bedrock' },
  { value: 'abort', meaning: 'error', vendors: 'vLLM, SGLang' },
  { value: 'user_cancel', meaning: 'error', vendors: 'Cohere' },
  { value: 'timeout', meaning: 'error', vendors: 'Cohere' },
  { value: 'error', meaning: 'error', vendors: 'Mistral, OpenRouter, Cohere' },
];

const MEANINGS: ReadonlyMap<string, AnswerEnd> = new Map(
  VENDOR_FINISH_REASONS.map(({ value, meaning }) => [value, meaning]),
);

/** Returns what a finish reason of a vendor means; undefined if it is unknown. */
export function meaningOfFinish(reason: string): AnswerEnd | undefined {
  return MEANINGS.get(reason.toLowerCase());
}
