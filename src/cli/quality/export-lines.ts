import type { PreferencePair, TrainingExample } from '../../operations/quality/examples.ts';
import type { Row } from '../backend/backend.ts';

type Message = { role: 'user' | 'assistant'; content: string };

/** Returns the fields of an item as `howdah dataset add` reads them. */
export function itemLine({ input, input_data, input_parts, history, ...row }: Row): object {
  const { expected, split, metadata } = row;
  const fields = { input, input_data, input_parts, history, expected, split, metadata };
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined),
  );
}

/** Returns an example of supervised fine-tuning: a conversation up to an answer. */
export function sftLine(example: TrainingExample): object {
  const { input, input_data, output, output_data, history } = example;
  const earlier = history.map(messageOf);
  return { messages: [...earlier, user(input, input_data), assistant(output, output_data)] };
}

/** Returns an example of a preference, as trainers of DPO read it. */
export function dpoLine(pair: PreferencePair) {
  return {
    prompt: [...pair.history.map(messageOf), user(pair.input, pair.input_data)],
    chosen: [assistant(pair.chosen, pair.chosen_data)],
    rejected: [assistant(pair.rejected, pair.rejected_data)],
  };
}

const messageOf = ({ role, content, data }: TrainingExample['history'][number]): Message =>
  role === 'user' ? user(content, data) : assistant(content === '' ? null : content, data);

const user = (text: string, data: unknown): Message => ({
  role: 'user',
  content: [text, asText(data)].filter((part) => part !== '').join('\n\n'),
});

const assistant = (text: string | null, data: unknown): Message => ({
  role: 'assistant',
  content: text ?? asText(data),
});

const asText = (data: unknown) => (data === null || data === undefined ? '' : JSON.stringify(data));
