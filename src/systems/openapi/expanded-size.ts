import { hasMembers, isJsonObject, type Json } from '../../json/json.ts';
import { fromPointer } from '../schema/fault.ts';

/**
 * Counts the parts of a schema after its references are expanded. A part counts once for each
 * reference to it, because a validator may visit it each time. A schema that refers to itself ends
 * with the value, so each cycle counts once.
 */
export function unfoldedSize(schema: Json): number {
  const sizes = new Map<string, number>();
  const size = (value: Json): number => {
    if (!hasMembers(value)) return 1;
    const parts = Object.values(value).reduce<number>((sum, one) => sum + size(one as Json), 1);
    const ref = isJsonObject(value) ? value.$ref : undefined;
    return typeof ref === 'string' ? parts + target(ref) : parts;
  };
  const target = (ref: string): number => {
    const known = sizes.get(ref);
    if (known !== undefined) return known;
    sizes.set(ref, 0);
    const found = size(at(schema, ref.slice(1)) ?? null);
    sizes.set(ref, found);
    return found;
  };
  return size(schema);
}

function at(schema: Json, pointer: string): Json | undefined {
  let found: Json | undefined = schema;
  for (const name of fromPointer(pointer))
    found = hasMembers(found) ? (found as never)[name] : undefined;
  return found;
}
