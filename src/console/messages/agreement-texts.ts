import { englishAgreement } from './english/english-agreement.ts';
import { inLanguage } from './messages.ts';

/** The texts of the agreement of graders with people. */
export const agreementTexts = inLanguage({ en: englishAgreement });
