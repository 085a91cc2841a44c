import { stringify } from 'yaml';
import { parseJson } from '../../json/parse-json.ts';
import { EXACT_NUMBER_TAG } from './exact-number-tag.ts';

/** Formats a JSON value as one YAML document. */
export function yamlText(value: unknown): string {
  return `---\n${stringify(parseJson(JSON.stringify(value)), { customTags: [EXACT_NUMBER_TAG] })}`;
}
