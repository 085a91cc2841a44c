import { englishKnowledge } from './english/english-knowledge.ts';
import { inLanguage } from './messages.ts';

/** The texts of the place of knowledge bases. */
export const knowledgeTexts = inLanguage({ en: englishKnowledge });
