import { functionsIn } from '../../db/schema/parse-create-function.ts';
import { isJsonObject } from '../../json/json.ts';
import { toPointer } from './fault.ts';
import type { ShapeFault } from './schema-errors.ts';

/** Returns the faults in the definitions of functions. Each definition must be one statement. */
export async function functionFaults(document: unknown): Promise<ShapeFault[]> {
  const all = isJsonObject(document as never)
    ? (document as Record<string, unknown>).functions
    : {};
  const entries = Object.entries((all ?? {}) as Record<string, { definition?: unknown }>);
  const faults = entries.map(async ([name, entry]): Promise<ShapeFault[]> => {
    if (typeof entry?.definition !== 'string') return []; // reported by the schema
    const path = toPointer(['functions', name, 'definition']);
    const { functions, faults } = await functionsIn(entry.definition);
    if (faults[0]) return [{ path, message: faults[0].message }];
    const [only] = functions;
    if (functions.length === 1 && only?.comment === undefined) return [];
    const message =
      'a definition must be one create function statement; put the comment in the key comment';
    return [{ path, message }];
  });
  return (await Promise.all(faults)).flat();
}
