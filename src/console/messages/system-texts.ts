import { englishSystem } from './english/english-system.ts';
import { inLanguage } from './messages.ts';

/** The texts of the place of the installation. */
export const systemTexts = inLanguage({ en: englishSystem });
