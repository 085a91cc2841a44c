/** The names of an operation that an interface would have. Those that it lacks are left out. */
export type Names = Partial<Record<'sql' | 'graphql' | 'rest' | 'cli' | 'ts', string | string[]>>;

/** A capability that is no plain reading or writing of a table. */
export type NamedCapability = Names & { group: string; what: string };

export const camel = (name: string) =>
  name.replaceAll(/_(\w)/g, (_all, letter) => letter.toUpperCase());
export const capital = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);
export const list = (names: string | string[] = []) => [names].flat();
