import { VENDOR_FINISH_REASONS } from '../../../src/providers/answers/finish-reasons.ts';
import { USAGE_FIELDS, USAGE_PLACES } from '../../../src/providers/answers/usage.ts';
import {
  DECISIVE_ERRORS,
  REPORTED_ERRORS,
  type VendorErrorRow,
} from '../../../src/providers/http/error-codes.ts';
import { WAITING_TIMES } from '../../../src/providers/http/waiting-times.ts';
import { cell, code, page, type ReferencePage, table } from './markdown.ts';

/** Renders what providers read in the answers of vendors, from the tables that they use. */
export function providersPage(): ReferencePage {
  return page('providers.md', {
    title: 'Answers of vendors',
    source: 'src/providers',
    parts: [
      'What Howdah reads in the answers of model servers. Values are compared without letter case.',
      '## Finish reasons',
      '`pause`: the request is sent again with the answer so far, at most five times. `overloaded` and `error`: the ' +
        'attempt fails. An unknown reason of a server with OpenAI’s format means `stop`.',
      table(
        ['value', 'meaning', 'vendors'],
        VENDOR_FINISH_REASONS.map(({ value, meaning, vendors }) => [
          code(value),
          code(meaning),
          cell(vendors),
        ]),
      ),
      '## Errors',
      'The [code](../errors/README.md) follows from the HTTP status, unless the body has one of these codes, types or ' +
        'statuses:',
      errors(DECISIVE_ERRORS),
      'In a stream, or in a body with status 200, a status in the body counts, and then:',
      errors(REPORTED_ERRORS),
      '## Waiting times',
      'The first of these counts, up to a day:',
      table(
        ['place', 'form', 'vendors'],
        WAITING_TIMES.map(({ place, form, vendors }) => [place, form, cell(vendors)]),
      ),
      '## Usage',
      'In OpenAI’s format. The counts are looked for in each of these, and the last one counts:',
      table(
        ['place', 'vendors'],
        USAGE_PLACES.map(({ path, vendors }) => [code(path), cell(vendors)]),
      ),
      'Each count is the first of its fields. Output tokens are at least `total_tokens` less the input, and contain ' +
        'the reasoning. What is not reported is estimated as bytes / 4, and the usage has `"estimated": true`.',
      table(
        ['count', 'field', 'vendors'],
        USAGE_FIELDS.map(({ count, path, vendors }) => [code(count), code(path), cell(vendors)]),
      ),
    ],
  });
}

function errors(rows: readonly VendorErrorRow[]): string {
  return table(
    ['value', 'code', 'vendors'],
    rows.map((row) => [code(row.value), code(row.code), cell(row.vendors)]),
  );
}
