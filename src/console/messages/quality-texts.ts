import { englishQuality } from './english/english-quality.ts';
import { inLanguage } from './messages.ts';

/** The texts of the places of data sets and evaluations. */
export const qualityTexts = inLanguage({ en: englishQuality });
