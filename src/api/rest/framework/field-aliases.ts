import { isJsonObject, type Json } from '../../../json/json.ts';
import { refuseBoth } from '../../../resources/request-refusal.ts';

/** Field names of other systems, each with our name. */
type Aliases = Readonly<Record<string, string>>;
/** The part of a kind of rows that names aliases. */
type Aliased = {
  fields: { shape: object };
  aliases?: Aliases;
  creationAliases?: Aliases;
};
type Body = Readonly<Record<string, unknown>>;

/** The other name of `is_active`, for every kind that has it. */
export const ACTIVE = { active: 'is_active' };
/** Returns the field names of other systems that a kind has. */
export const aliasesOf = ({ aliases, fields }: Aliased): Aliases => ({
  ...('is_active' in fields.shape && ACTIVE),
  ...aliases,
});

/** Returns the aliases of the fields of a new row, without those of its id. */
export const aliasesOfNewRow = (kind: Aliased): Aliases => ({
  ...Object.fromEntries(Object.entries(aliasesOf(kind)).filter(([, ours]) => ours !== 'id')),
  ...kind.creationAliases,
});

/**
 * Replaces field names of other systems by ours. A null gives way to the other name. Throws `HWINV`
 * for two values of one field, except for names that answers show beside ours.
 */
export function translateNames(
  sent: unknown,
  aliases: Aliases = {},
  shown: readonly string[] = [],
): unknown {
  if (Object.keys(aliases).length === 0 || !isJsonObject(sent as Json)) return sent;
  const translated = new Map<string, { name: string; value: unknown }>();
  for (const [name, value] of Object.entries(sent as object)) {
    const ours = (Object.hasOwn(aliases, name) && aliases[name]) || name;
    const before = translated.get(ours);
    if (before === undefined || before.value === null) translated.set(ours, { name, value });
    else if (value === null || value === before.value) continue;
    else if (shown.includes(name)) translated.set(name, { name, value });
    else if (shown.includes(before.name)) {
      translated.set(before.name, before).set(ours, { name, value });
    } else {
      const [other, field] = name === ours ? [name, before.name] : [before.name, name];
      refuseBoth(sent as Record<string, unknown>, field, [other]);
    }
  }
  return Object.fromEntries([...translated].map(([name, { value }]) => [name, value]));
}

/**
 * Returns a body with our names. A client that sends back a row with one field changed may send
 * both names of the field. Of two different values, the one that differs from the row counts.
 */
export async function withChangedAliases(
  body: Body,
  shown: readonly string[] = [],
  ourNames: Aliases,
  readRow: () => Promise<Body>,
): Promise<Body> {
  const aliases = shown.filter((alias) => body[alias] !== undefined);
  if (aliases.length === 0) return body;
  const row = await readRow();
  const result: Record<string, unknown> = { ...body };
  for (const alias of aliases) {
    const name = ourNames[alias] ?? alias;
    if (body[name] === row[name]) result[name] = body[alias];
    else if (body[alias] !== row[name]) refuseBoth(body, alias, [name]);
    delete result[alias];
  }
  return result;
}
