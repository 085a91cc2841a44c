/**
 * The possible names of an operation in each interface. Names that an interface lacks are omitted.
 */
export type Names = Partial<Record<'sql' | 'graphql' | 'rest' | 'cli' | 'ts', string | string[]>>;

/** A capability other than plain reading or writing of a table. */
export type NamedCapability = Names & { group: string; what: string };

export const camel = (name: string) =>
  name.replaceAll(/_(\w)/g, (_all, letter) => letter.toUpperCase());
export const capital = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);
export const list = (names: string | string[] = []) => [names].flat();
