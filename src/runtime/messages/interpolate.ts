import { MAX_TEXT_BYTES, SizeLimitError } from '../../contracts/size-limits.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { replaceWithin } from '../../text/replace-within.ts';

const PLACEHOLDER = /\{\{([^{}]+)\}\}/g;
/** Maximum length of a path with dots, and maximum number of its parts. */
const MAX_PATH = 500;
const MAX_PARTS = 20;

/**
 * Replaces `{{name}}` and `{{name.key}}` by their values. A name without a value is left as it is,
 * where somebody will see it. Throws SizeLimitError if the text would have too many bytes.
 */
export function interpolate(
  template: string,
  values: Readonly<Record<string, Json>>,
  maxBytes = MAX_TEXT_BYTES,
): string {
  const fill = (path: string, written: string): string => {
    const value = valueAt(values, path.trim());
    return value === undefined ? written : textOf(value);
  };
  const text = replaceWithin(template, PLACEHOLDER, fill, maxBytes);
  if (text === undefined) throw new SizeLimitError('the text that the template makes', maxBytes);
  return text;
}

/** Returns the number of placeholders of a template. */
export function countPlaceholders(template: string): number {
  return template.match(PLACEHOLDER)?.length ?? 0;
}

/** Returns the value of a path. Names may contain dots; the longest name that exists counts. */
function valueAt(values: Readonly<Record<string, Json>>, path: string): Json | undefined {
  if (Object.hasOwn(values, path)) {
    return values[path];
  }
  if (path.length > MAX_PATH || path.split('.').length > MAX_PARTS) return undefined;
  for (let end = path.lastIndexOf('.'); end > 0; end = path.lastIndexOf('.', end - 1)) {
    const value = Object.hasOwn(values, path.slice(0, end)) ? values[path.slice(0, end)] : null;
    if (isJsonObject(value ?? null)) {
      return valueAt(value as Record<string, Json>, path.slice(end + 1));
    }
  }
  return undefined;
}

function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
