import { isJsonObject } from '../../json/json.ts';

/**
 * Returns the text of content. Content is a string or a list of parts. Only the text of parts
 * belongs to the answer, because Mistral sends its thinking too.
 */
export function plainText(content: unknown): string {
  if (Array.isArray(content)) {
    return content.map((part) => (isJsonObject(part) ? plainText(part.text) : '')).join('');
  }
  // Postgres cannot store U+0000 in a text
  return typeof content === 'string' ? content.replaceAll('\u0000', '') : '';
}
