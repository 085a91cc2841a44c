import { hasMembers, isJsonObject, type Json, type JsonObject } from '../../json/json.ts';

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
 * Writes the filter of a list as a literal of GraphQL. Returns undefined if GraphQL has none: the
 * names in its objects have letters, digits and `_` alone. The texts below `status` are labels of
 * an enum, which have no quotes. What is below `metadata` is any JSON.
 */
export function quoteGraphql(filter: JsonObject): string | undefined {
  const kindOf = (name: string, outer: Kind): Kind =>
    outer === 'filter' && (name === 'status' || name === 'metadata') ? name : outer;
  const quote = (value: Json, kind: Kind): string => {
    if (Array.isArray(value)) return `[${value.map((one) => quote(one, kind)).join(', ')}]`;
    if (!isJsonObject(value)) {
      return kind === 'status' && typeof value === 'string' ? value : JSON.stringify(value);
    }
    const fields = Object.entries(value).map(
      ([name, one]) => `${name}: ${quote(one, kindOf(name, kind))}`,
    );
    return fields.length > 0 ? `{ ${fields.join(', ')} }` : '{}';
  };
  return hasNames(filter) ? quote(filter, 'filter') : undefined;
}

type Kind = 'filter' | 'status' | 'metadata';

/** Returns whether all names in a value are names of GraphQL. */
function hasNames(value: Json): boolean {
  if (!hasMembers(value)) return true;
  if (Array.isArray(value)) return value.every(hasNames);
  return Object.entries(value).every(([name, one]) => /^[_A-Za-z]\w*$/.test(name) && hasNames(one));
}
