import { isJsonObject, type Json } from '../../json/json.ts';

/**
 * Replaces `{{name}}` and `{{name.key}}` by their values. A name without a value is left as it is,
 * where somebody will see it.
 */
export function interpolate(template: string, values: Readonly<Record<string, Json>>): string {
  return template.replaceAll(/\{\{([^{}]+)\}\}/g, (written, path: string) => {
    const value = valueAt(values, path.trim());
    return value === undefined ? written : textOf(value);
  });
}

/** Returns the value of a path. Names may contain dots; the longest name that exists counts. */
function valueAt(values: Readonly<Record<string, Json>>, path: string): Json | undefined {
  if (Object.hasOwn(values, path)) {
    return values[path];
  }
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
