import type { ScalarTag } from 'yaml';
import { ExactNumber } from '../../json/exact-number.ts';

/** Writes long numbers with all their digits. Reading them is up to `parseYaml`. */
export const EXACT_NUMBER_TAG: ScalarTag = {
  tag: 'tag:yaml.org,2002:exact-number',
  default: true,
  identify: (value) => value instanceof ExactNumber,
  resolve: (text) => text,
  stringify: ({ value }) => String(value),
  test: /^(?!)/,
};
