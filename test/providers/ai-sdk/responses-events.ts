import type { JsonObject } from '../../../src/json/json.ts';
import type { VendorAnswer } from './wire-formats.ts';

/** Encodes an answer as the events of OpenAI's Responses API, which Azure and xAI use too. */
export function responsesEvents({ words = [], calls = [], thought, isFiltered }: VendorAnswer) {
  const response = { id: 'resp_1', object: 'response', created_at: 1, model: 'm', output: [] };
  const usage = {
    input_tokens: 100,
    output_tokens: 20,
    total_tokens: 120,
    input_tokens_details: { cached_tokens: 64 },
  };
  const status = isFiltered ? 'incomplete' : 'completed';
  const place = { output_index: 0, content_index: 0 };
  const item = (done: 'added' | 'done', output_index: number, content: JsonObject) => ({
    type: `response.output_item.${done}`,
    ...{ output_index, item: content },
  });
  const message = { type: 'message', id: 'msg_1', role: 'assistant', status, content: [] };
  return [
    { type: 'response.created', response: { ...response, status: 'in_progress' } },
    ...(thought ? reasoningEvents(thought) : []),
    ...(words.length > 0 ? [item('added', 0, message)] : []),
    ...words.map((delta) => ({
      type: 'response.output_text.delta',
      ...{ item_id: 'msg_1', ...place, delta },
    })),
    ...(words.length > 0 ? [item('done', 0, message)] : []),
    ...calls.flatMap(({ name, arguments: args }, at): JsonObject[] => {
      const call = { type: 'function_call', id: `fc_${at}`, call_id: `call_${at}`, name };
      return [
        item('added', at + 1, { ...call, arguments: '' }),
        item('done', at + 1, { ...call, arguments: JSON.stringify(args), status: 'completed' }),
      ];
    }),
    { type: 'response.completed', response: { ...response, status, usage } },
    { done: true },
  ] as JsonObject[];
}

/** Returns the events of reasoning: its summary, and its encrypted text at the end. */
function reasoningEvents({ text, signature }: { text: string; signature: string }): JsonObject[] {
  const item = { type: 'reasoning', id: 'rs_1', status: 'completed' };
  const place = { item_id: 'rs_1', output_index: 9, summary_index: 0 };
  const summary = [{ type: 'summary_text', text }];
  return [
    {
      type: 'response.output_item.added',
      ...{ output_index: 9, item: { ...item, summary: [], encrypted_content: null } },
    },
    {
      type: 'response.reasoning_summary_part.added',
      ...{ ...place, part: { type: 'summary_text', text: '' } },
    },
    { type: 'response.reasoning_summary_text.delta', ...place, delta: text },
    { type: 'response.reasoning_summary_part.done', ...place, part: summary[0] as JsonObject },
    {
      type: 'response.output_item.done',
      ...{ output_index: 9, item: { ...item, summary, encrypted_content: signature } },
    },
  ];
}
