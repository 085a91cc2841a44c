/** The languages of a request, and their names. */
export const FORM_NAMES = [
  ['sql', 'SQL'],
  ['graphql', 'GraphQL'],
  ['curl', 'curl'],
  ['cli', 'CLI'],
  ['sdk', 'TypeScript'],
] as const;

/** A request in the languages of Howdah, without those that cannot express it. */
export type Forms = { readonly [Form in (typeof FORM_NAMES)[number][0]]?: string | undefined };
