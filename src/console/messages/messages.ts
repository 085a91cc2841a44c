import { english, type Messages } from './english/english.ts';

/** Returns texts in the first language of the browser that they exist in, by its code. */
export function inLanguage<Texts>(
  languages: Readonly<Record<string, Texts>> & { en: Texts },
): Texts {
  const codes = navigator.languages.map((code) => code.split('-', 1)[0] ?? '');
  const known = codes.find((code) => code in languages) ?? 'en';
  return languages[known] ?? languages.en;
}

/** The texts of the places that are opened first. Other places have files of their own. */
export const messages: Messages = inLanguage({ en: english });
