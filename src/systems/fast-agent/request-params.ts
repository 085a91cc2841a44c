import type { JsonObject } from '../../json/json.ts';
import { Fields } from './fields.ts';
import type { Card, Findings } from './project.ts';

/** The request_params of a card, each in its place in an agent system file. */
export type RequestParams = {
  request_params: JsonObject;
  model?: string;
  use_history?: boolean;
  max_steps?: number;
  output_schema?: JsonObject;
};

/**
 * Parameters that are sent to the server, with the server's names. fast-agent accepts both
 * spellings.
 */
const SENT: Readonly<Record<string, string>> = {
  frequency_penalty: 'frequency_penalty',
  maxTokens: 'max_tokens',
  max_tokens: 'max_tokens',
  min_p: 'min_p',
  parallel_tool_calls: 'parallel_tool_calls',
  presence_penalty: 'presence_penalty',
  repetition_penalty: 'repetition_penalty',
  response_format: 'response_format',
  stopSequences: 'stop',
  stop_sequences: 'stop',
  temperature: 'temperature',
  top_k: 'top_k',
  top_p: 'top_p',
  topP: 'top_p',
};
/** The value of fast-agent that means no limit of rounds. */
const UNLIMITED = 9999;
const NO_WORD = 'it is not supported';
const UNSUPPORTED_KEYS: Readonly<Record<string, string>> = Object.fromEntries(
  [
    'emit_loop_progress',
    'include_context',
    'mcp_metadata',
    'metadata',
    'model_preferences',
    'sampling_tool_choice',
    'streaming_timeout',
    'structured_tool_policy',
    'systemPrompt',
    'system_prompt',
    'template_vars',
    'tool_choice',
    'tool_result_mode',
  ].map((key) => [key, NO_WORD]),
);

export function requestParamsOf(
  card: Card,
  section: JsonObject,
  findings: Findings,
): RequestParams {
  const fields = new Fields({ ...card, data: section }, findings, ['request_params']);
  const request_params: JsonObject = {};
  for (const [key, name] of Object.entries(SENT)) {
    const value = fields.take(key);
    if (value !== undefined) request_params[name] = value;
  }
  const tier = fields.take('service_tier');
  if (tier !== undefined) request_params.service_tier = tier === 'fast' ? 'priority' : tier;
  const model = fields.text('model');
  const use_history = fields.flag('use_history');
  const rounds = fields.whole('max_iterations');
  const output_schema = fields.object('structured_schema');
  if (rounds !== undefined && rounds < 1)
    fields.fault(['max_iterations'], 'max_iterations must be at least 1');
  fields.leave(UNSUPPORTED_KEYS);
  return {
    request_params,
    ...(model !== undefined && { model }),
    ...(use_history !== undefined && { use_history }),
    ...(rounds !== undefined && rounds > 0 && rounds < UNLIMITED && { max_steps: rounds }),
    ...(output_schema && { output_schema }),
  };
}
