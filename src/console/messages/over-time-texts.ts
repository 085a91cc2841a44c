import { englishOverTime } from './english/english-over-time.ts';
import { inLanguage } from './messages.ts';

/** The texts of the page of quality over time. */
export const overTimeTexts = inLanguage({ en: englishOverTime });
