import { stringify } from 'yaml';

/** Any value of JSON as one document of YAML. */
export function yamlText(value: unknown): string {
  return `---\n${stringify(JSON.parse(JSON.stringify(value)))}`;
}
