import type { EventWriter } from '../event-writer.ts';
import { messageItem } from './response.ts';
import type { FunctionCall, OutputItem } from './response-schema.ts';

/**
 * Creates a writer for the events of one response. The events are numbered. Each item of the output
 * is written from its start to its end.
 */
export function createResponseEvents(writer: EventWriter) {
  let sequence_number = 0;
  const output: OutputItem[] = [];
  let open: { id: string; text: string } | undefined;
  const send = async (type: string, data: object) => {
    await writer.write({ type, sequence_number, ...data }, type);
    sequence_number += 1;
  };
  const place = () => ({ item_id: open?.id ?? '', output_index: output.length, content_index: 0 });
  const part = (text: string) => ({ type: 'output_text', text, annotations: [], logprobs: [] });
  return {
    output,
    send,
    /** Writes a piece of a message. A piece with another id ends the message before. */
    async text(id: string, delta: string) {
      if (open?.id !== id) {
        await this.settle('commentary');
        open = { id, text: '' };
        const item = { id, type: 'message', role: 'assistant', status: 'in_progress', content: [] };
        await send('response.output_item.added', { output_index: output.length, item });
        await send('response.content_part.added', { ...place(), part: part('') });
      }
      open = { id, text: open.text + delta };
      await send('response.output_text.delta', { ...place(), delta, logprobs: [] });
    },
    /** Ends the open message, if there is one. */
    async settle(phase: 'commentary' | 'final_answer') {
      if (!open) return;
      const { id, text } = open;
      await send('response.output_text.done', { ...place(), text, logprobs: [] });
      await send('response.content_part.done', { ...place(), part: part(text) });
      open = undefined;
      const item = messageItem(id, text, phase);
      await send('response.output_item.done', { output_index: output.length, item });
      output.push(item);
    },
    async call(item: FunctionCall) {
      const output_index = output.length;
      const { id: item_id, name, arguments: args } = item;
      const startedItem = { ...item, arguments: '', status: 'in_progress' };
      const where = { item_id, output_index };
      await send('response.output_item.added', { output_index, item: startedItem });
      await send('response.function_call_arguments.delta', { ...where, delta: args });
      await send('response.function_call_arguments.done', { ...where, name, arguments: args });
      await send('response.output_item.done', { output_index, item });
      output.push(item);
    },
  };
}
