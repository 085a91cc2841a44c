import type { EventWriter } from '../event-writer.ts';
import { messageItem } from './response.ts';
import type { FunctionCall, OutputItem } from './response-schema.ts';

/**
 * The events of one response. The events are numbered. Each item of the output is written from its
 * start to its end.
 */
export class ResponseEvents {
  /** The items that were written to their ends. */
  readonly output: OutputItem[] = [];
  readonly #writer: EventWriter;
  #sequenceNumber = 0;
  #open: { id: string; text: string } | undefined;

  constructor(writer: EventWriter) {
    this.#writer = writer;
  }

  async send(type: string, data: object): Promise<void> {
    await this.#writer.write({ type, sequence_number: this.#sequenceNumber, ...data }, type);
    this.#sequenceNumber += 1;
  }

  /** Writes a piece of a message. A piece with another id ends the message before. */
  async text(id: string, delta: string): Promise<void> {
    const open = this.#open?.id === id ? this.#open : await this.#beginMessage(id);
    open.text += delta;
    await this.send('response.output_text.delta', { ...this.#place(id), delta, logprobs: [] });
  }

  /** Ends the open message, if there is one. */
  async settle(phase: 'commentary' | 'final_answer'): Promise<void> {
    if (!this.#open) return;
    const { id, text } = this.#open;
    this.#open = undefined;
    const place = this.#place(id);
    await this.send('response.output_text.done', { ...place, text, logprobs: [] });
    await this.send('response.content_part.done', { ...place, part: textPart(text) });
    const item = messageItem(id, text, phase);
    await this.send('response.output_item.done', { output_index: this.output.length, item });
    this.output.push(item);
  }

  async call(item: FunctionCall): Promise<void> {
    const output_index = this.output.length;
    const { id: item_id, name, arguments: args } = item;
    const startedItem = { ...item, arguments: '', status: 'in_progress' };
    const place = { item_id, output_index };
    await this.send('response.output_item.added', { output_index, item: startedItem });
    await this.send('response.function_call_arguments.delta', { ...place, delta: args });
    await this.send('response.function_call_arguments.done', { ...place, name, arguments: args });
    await this.send('response.output_item.done', { output_index, item });
    this.output.push(item);
  }

  async #beginMessage(id: string): Promise<{ id: string; text: string }> {
    await this.settle('commentary');
    const open = { id, text: '' };
    this.#open = open;
    const item = { id, type: 'message', role: 'assistant', status: 'in_progress', content: [] };
    await this.send('response.output_item.added', { output_index: this.output.length, item });
    await this.send('response.content_part.added', { ...this.#place(id), part: textPart('') });
    return open;
  }

  #place(id: string) {
    return { item_id: id, output_index: this.output.length, content_index: 0 };
  }
}

function textPart(text: string) {
  return { type: 'output_text', text, annotations: [], logprobs: [] };
}
