import { eld } from 'eld/extrasmall';

/**
 * Detects the language of a text by its letters. Returns the code of ISO 639-1, or null if the text
 * may be in another language. This module takes half a second and 85 MB to load: load it in a
 * thread.
 */
export function detectLanguage(text: string): string | null {
  const found = eld.detect(text);
  return found.isReliable() ? found.language : null;
}
