import { isJsonObject, type Json } from '../../json/json.ts';

/** Writes a text as a literal of SQL. */
export function quoteSql(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `e${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** Writes a text as one word of a POSIX shell. */
export function quoteShell(text: string): string {
  return /^[\w.,:/=@-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Writes a value as a literal of GraphQL. Texts below `status` are labels of an enum, which have no
 * quotes.
 */
export function quoteGraphql(value: Json, isEnum = false): string {
  if (Array.isArray(value)) return `[${value.map((one) => quoteGraphql(one, isEnum)).join(', ')}]`;
  if (isJsonObject(value)) {
    const fields = Object.entries(value).map(([name, one]) => {
      const key = /^[_A-Za-z]\w*$/.test(name) ? name : JSON.stringify(name);
      return `${key}: ${quoteGraphql(one, isEnum || name === 'status')}`;
    });
    return `{ ${fields.join(', ')} }`;
  }
  return isEnum && typeof value === 'string' ? value : (JSON.stringify(value) ?? 'null');
}
