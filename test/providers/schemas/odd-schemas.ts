import type { JsonSchema } from '../../../src/json/json.ts';

const id = { type: 'integer', format: 'int64' };
const node = {
  type: 'object',
  properties: { name: { type: 'string' }, next: { $ref: '#/$defs/node' } },
  required: ['name'],
};

/** Schemas of parameters as servers, generators and people write them. */
export const ODD_PARAMETERS: Readonly<Record<string, JsonSchema>> = {
  nothing: {},
  'an object without properties': { type: 'object' },
  'a choice at the top': {
    anyOf: [
      { type: 'object', properties: { id }, required: ['id'] },
      { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
    ],
  },
  'alternatives at the top': {
    type: 'object',
    oneOf: [{ properties: { id } }, { $ref: '#/$defs/b' }],
    $defs: { b: { properties: { b: { type: 'boolean' } } } },
  },
  'all of several at the top': {
    type: 'object',
    allOf: [{ properties: { id }, required: ['id'] }],
  },
  'a reference at the top': {
    $ref: '#/definitions/Args',
    definitions: { Args: { type: 'object', properties: { id }, required: ['id'] } },
  },
  'shared definitions': {
    type: 'object',
    properties: { from: { $ref: '#/$defs/place', description: 'The start.' } },
    $defs: { place: { type: 'object', properties: { city: { type: 'string', minLength: 1 } } } },
  },
  'a constant and several types': {
    $schema: 'http://json-schema.org/draft-07/schema#',
    type: 'object',
    properties: {
      kind: { const: 'order' },
      size: { enum: [1, 2, null] },
      note: { type: ['string', 'null'], maxLength: 20, default: null },
      flag: { type: 'string', enum: ['', 'a'] },
    },
    required: ['kind'],
    additionalProperties: false,
  },
  'formats and limits': {
    type: 'object',
    properties: {
      at: { type: 'string', format: 'date-time' },
      url: { type: 'string', format: 'uri', pattern: '^https:' },
      count: { type: 'number', exclusiveMinimum: 0, multipleOf: 2 },
      tags: { type: 'array', uniqueItems: true },
      pair: { type: 'array', items: [{ type: 'string' }, { type: 'number' }] },
    },
    required: ['at', 'missing'],
    dependentRequired: { url: ['count'] },
  },
  'a merge and an exclusion': {
    type: 'object',
    properties: {
      item: {
        allOf: [{ type: 'object', properties: { id } }, { properties: { n: { type: 'number' } } }],
        not: { required: ['x'] },
      },
      any: true,
      none: false,
    },
  },
  'maps of names': {
    type: 'object',
    properties: {
      labels: { type: 'object', additionalProperties: { type: 'string' } },
      more: { type: 'object', patternProperties: { '^x-': { type: 'string' } } },
    },
  },
  'a nullable text of OpenAPI': {
    type: 'object',
    properties: { name: { type: 'string', nullable: true, example: 'Ann' } },
  },
};

/** A schema that refers to itself. */
export const RECURSIVE: JsonSchema = {
  type: 'object',
  properties: { tree: { $ref: '#/$defs/node' } },
  $defs: { node },
};

/** Schemas of answers whose root is no object, with a value. */
export const ODD_ANSWERS: Readonly<Record<string, [JsonSchema, string]>> = {
  list: [{ type: 'array', items: { type: 'integer' } }, '[1, 2, 9007199254740993]'],
  text: [{ type: 'string', enum: ['yes', 'no'] }, '"yes"'],
  number: [{ type: 'number', minimum: 0 }, '0.1234567890123456789'],
  choice: [
    { anyOf: [{ type: 'object', properties: { answer: { type: 'string' } } }, { type: 'null' }] },
    '{"answer": "it"}',
  ],
  reference: [
    { $ref: '#/$defs/all', $defs: { all: { type: 'array', items: { type: 'string' } } } },
    '["}", "a"]',
  ],
  tree: [
    { type: 'array', items: { type: 'object', properties: { children: { $ref: '#' } } } },
    '[{"children": [{}]}]',
  ],
};
