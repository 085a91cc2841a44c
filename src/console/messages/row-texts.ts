import { englishRows } from './english/english-rows.ts';
import { inLanguage } from './messages.ts';

/** The texts of lists, pages and forms of rows. */
export const rowTexts = inLanguage({ en: englishRows });
