import { parseJson } from '../json/parse-json.ts';

/**
 * Returns the text of an error of `useChat` to show to people. The AI SDK reports a rejected
 * request with the whole body of the response, which is a problem (RFC 9457). Imports nothing, so
 * that it can be bundled for a browser.
 */
export function chatErrorText({ message }: Error): string {
  try {
    const { detail, hint } = parseJson(message) as { detail?: unknown; hint?: unknown };
    const texts = [detail, hint].filter((text) => typeof text === 'string' && text !== '');
    return texts.length > 0 ? texts.join('. ') : message;
  } catch {
    return message;
  }
}
