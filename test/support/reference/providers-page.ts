import { VENDOR_FINISH_REASONS } from '../../../src/providers/answers/finish-reasons.ts';
import { RAW_USAGE_FORMATS } from '../../../src/providers/answers/raw-usage.ts';
import { USAGE_FIELDS, USAGE_PLACES } from '../../../src/providers/answers/usage.ts';
import {
  DECISIVE_ERRORS,
  REPORTED_ERRORS,
  type VendorErrorRow,
} from '../../../src/providers/http/error-codes.ts';
import { WAITING_TIMES } from '../../../src/providers/http/waiting-times.ts';
import {
  ALL_RULES,
  type SchemaRules,
  type VendorRules,
} from '../../../src/providers/schemas/rules.ts';
import { cell, code, page, type ReferencePage, table } from './markdown.ts';

/** Renders what providers read in the answers of vendors, from the tables that they use. */
export function providersPage(): ReferencePage {
  return page('providers.md', {
    title: 'Vendors',
    source: 'src/providers',
    parts: [
      'What Howdah reads in the answers of model servers, and how it writes schemas for them. Values are compared ' +
        'without letter case.',
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
      '## Tool calls',
      'In OpenAI’s format, pieces belong to one call if they have the same `index`, and no other `id`. A whole call at ' +
        'the index of another is a call of its own, unless both are equal and have no `id`: some servers send a call ' +
        'twice. So of two equal calls at one index, without ids, one is made. A call without an `id` gets one. No call ' +
        'is made of an answer that ended with `length` if its arguments are empty or not complete.',
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
      'Vendors with a format of their own report usage with the end of an answer, by their packages. Of an answer ' +
        'that breaks off, these fields are counted, as far as they have arrived:',
      table(
        ['vendor', 'place', 'count', 'sum of'],
        RAW_USAGE_FORMATS.flatMap(({ vendors, places, counts }) =>
          counts.map(({ count, fields }) => [
            cell(vendors),
            places.map(code).join(', '),
            code(count),
            fields.map(code).join(', '),
          ]),
        ),
      ),
      '## Schemas',
      'What is sent in place of a schema of a tool or of an answer. The stored schema stays, and calls and answers are ' +
        'checked against it. Keywords, formats and values that are not sent are told in the description. For all: ' +
        'parameters of tools become an object with `properties`, combinations at their top become one object, and an ' +
        'array without `items` gets `items: {}`. An answer whose root is no object is wrapped where the vendor needs ' +
        'an object, and unwrapped. A tool that cannot be sent is left out, and named in a step `guard` (`tool_left_out`).',
      table(
        ['vendor', 'use', 'keywords', 'formats', 'enums', 'references', 'root'],
        ALL_RULES.flatMap(schemaRows),
      ),
      ...ALL_RULES.map(
        ({ title, vendors, sources }) =>
          `**${title}** (${vendors}): ${sources.map(link).join(', ')}`,
      ),
    ],
  });
}

function link(url: string): string {
  const { host, pathname } = new URL(url);
  return `[${host}${pathname}](${url})`;
}

function schemaRows({ title, tools, answers }: VendorRules): string[][] {
  return tools === answers
    ? [schemaRow(title, 'tools, answers', tools)]
    : [schemaRow(title, 'tools', tools), schemaRow(title, 'answers', answers)];
}

function schemaRow(title: string, use: string, rules: SchemaRules): string[] {
  const names = (values: ReadonlySet<string> | undefined) =>
    values ? [...values].map(code).join(' ') : 'all';
  const refs = rules.refs === 'sent' ? 'sent' : 'replaced; recursion cannot be sent';
  const root = rules.isStrict ? 'object; all objects closed, all properties required' : rules.root;
  return [cell(title), use, names(rules.keywords), names(rules.formats), rules.enums, refs, root];
}

function errors(rows: readonly VendorErrorRow[]): string {
  return table(
    ['value', 'code', 'vendors'],
    rows.map((row) => [code(row.value), code(row.code), cell(row.vendors)]),
  );
}
