/**
 * The codes of languages of documents: those of ISO 639-1 that workers detect or Postgres has
 * stems for, and `simple` for words without stems. `howdah_private.document_languages` has the
 * same.
 */
export const DOCUMENT_LANGUAGES: readonly string[] = [
  ...['am', 'ar', 'az', 'be', 'bg', 'bn', 'ca', 'cs', 'da', 'de', 'el', 'en', 'es', 'et', 'eu'],
  ...['fa', 'fi', 'fr', 'ga', 'gu', 'he', 'hi', 'hr', 'hu', 'hy', 'id', 'is', 'it', 'ja', 'ka'],
  ...['kn', 'ko', 'ku', 'lo', 'lt', 'lv', 'ml', 'mr', 'ms', 'ne', 'nl', 'no', 'or', 'pa', 'pl'],
  ...['pt', 'ro', 'ru', 'simple', 'sk', 'sl', 'sq', 'sr', 'sv', 'ta', 'te', 'th', 'tl', 'tr'],
  ...['uk', 'ur', 'vi', 'yi', 'yo', 'zh'],
];
