import { englishCosts } from './english/english-costs.ts';
import { inLanguage } from './messages.ts';

/** The texts of the place of costs. */
export const costTexts = inLanguage({ en: englishCosts });
