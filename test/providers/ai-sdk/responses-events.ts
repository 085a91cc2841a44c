import type { JsonObject } from '../../../src/json/json.ts';
import type { VendorAnswer } from './wire-formats.ts';

/** Encodes an answer as the events of a response (OpenAI's responses, which xAI streams). */
export function responsesEvents({ words = [], calls = [], isFiltered }: VendorAnswer) {
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
        item('done', at + 1, { ...call, arguments: JSON.stringify(args) }),
      ];
    }),
    { type: 'response.completed', response: { ...response, status, usage } },
    { done: true },
  ] as JsonObject[];
}
