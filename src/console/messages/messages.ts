import { english, type Messages } from './english.ts';

/** The languages of the console, by the code that browsers use. */
const languages: Readonly<Record<string, Messages>> = { en: english };

function preferred(): Messages {
  const codes = navigator.languages.map((code) => code.split('-', 1)[0] ?? '');
  const known = codes.find((code) => code in languages) ?? 'en';
  return languages[known] ?? english;
}

/** The texts in the first language of the browser that the console has. */
export const messages: Messages = preferred();
