import { Select } from '@mantine/core';
import { DOCUMENT_LANGUAGES } from '../../../contracts/document-languages.ts';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';

const text = knowledgeTexts.language;
const names = new Intl.DisplayNames(['en'], { type: 'language' });

/** Returns the name of a language of documents, such as German, by its code. */
export const languageName = (code: string): string =>
  code === 'simple' ? text.simple : (names.of(code) ?? code);

const LANGUAGES = DOCUMENT_LANGUAGES.map((value) => ({ value, label: languageName(value) })).sort(
  (a, b) => a.label.localeCompare(b.label, 'en'),
);

type LanguageSelectProps = { value: string | null; onChange(value: string | null): void };

/** Chooses the language of new documents. Nothing chosen means that it is detected. */
export function LanguageSelect({ value, onChange }: LanguageSelectProps) {
  return (
    <Select
      size="xs"
      mt="xs"
      className="upload-language"
      label={text.label}
      placeholder={text.detected}
      data={LANGUAGES}
      {...{ value, onChange }}
      searchable
      clearable
    />
  );
}
