import { Checkbox, Stack, Textarea } from '@mantine/core';
import type { Json } from '../../../json/json.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { qualityTexts } from '../../messages/quality-texts.ts';

const text = qualityTexts.items;

/** The expected answer, as a person writes it: a text, or JSON. */
export type Expected = { words: string; isJson: boolean };

/** Writes what is expected as the form shows it. */
export function writtenExpected(value: Json | undefined): Expected {
  if (value === undefined || value === null) return { words: '', isJson: false };
  if (typeof value === 'string') return { words: value, isJson: false };
  return { words: JSON.stringify(value, null, 2), isJson: true };
}

/** Reads what is written. Undefined stands for nothing, and throws for a text that is not JSON. */
export function readExpected({ words, isJson }: Expected): Json | undefined {
  if (words.trim() === '') return undefined;
  return isJson ? parseJson<Json>(words) : words;
}

type ExpectedInputProps = {
  value: Expected;
  change(value: Expected): void;
  error: string | undefined;
};

/** The field of what is expected. */
export function ExpectedInput({ value, change, error }: ExpectedInputProps) {
  return (
    <Stack gap={6}>
      <Textarea
        label={text.expected}
        description={text.expectedHint}
        value={value.words}
        onChange={(event) => change({ ...value, words: event.currentTarget.value })}
        error={error}
        autosize
        minRows={2}
        maxRows={16}
      />
      <Checkbox
        size="xs"
        label={text.asJson}
        checked={value.isJson}
        onChange={(event) => change({ ...value, isJson: event.currentTarget.checked })}
      />
    </Stack>
  );
}
