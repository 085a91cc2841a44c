import { stringify } from 'yaml';

/** Formats a JSON value as one YAML document. */
export function yamlText(value: unknown): string {
  return `---\n${stringify(JSON.parse(JSON.stringify(value)))}`;
}
