import type { PreferencePair, TrainingExample } from '../../operations/quality/examples.ts';
import type { Row } from '../backend/backend.ts';

type Message = { role: 'user' | 'assistant'; content: string };

/** Returns the fields of an item as `howdah dataset add` reads them. */
export function itemLine({ input, input_data, expected, split, metadata }: Row): object {
  const fields = { input, input_data, expected, split, metadata };
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  );
}

/** Returns an example of supervised fine-tuning: a conversation of one question and its answer. */
export function sftLine({ input, input_data, output, output_data }: TrainingExample): object {
  return { messages: [user(input, input_data), assistant(output, output_data)] };
}

/** Returns an example of a preference, as trainers of DPO read it. */
export function dpoLine(pair: PreferencePair) {
  return {
    prompt: [user(pair.input, pair.input_data)],
    chosen: [assistant(pair.chosen, pair.chosen_data)],
    rejected: [assistant(pair.rejected, pair.rejected_data)],
  };
}

const user = (text: string, data: unknown): Message => ({
  role: 'user',
  content: [text, asText(data)].filter((part) => part !== '').join('\n\n'),
});

const assistant = (text: string | null, data: unknown): Message => ({
  role: 'assistant',
  content: text ?? asText(data),
});

const asText = (data: unknown) => (data === null || data === undefined ? '' : JSON.stringify(data));
