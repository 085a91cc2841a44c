import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { readFile } from '../../../src/systems/read-file.ts';
import { systemFileSchema } from '../../../src/systems/schema/file-schema.ts';
import { shapeFaults } from '../../../src/systems/schema/schema-errors.ts';
import { HELPDESK } from '../support.ts';

const text = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8');
const published = JSON.parse(text('src/systems/agent-system.v1.json'));
const validate = new Ajv2020({ strict: false }).compile(published);

test('the published schema is the one that files are validated with', () => {
  expect(published).toEqual(systemFileSchema());
});

test.each([
  ['the example of the documentation', HELPDESK, true],
  ['the helpdesk', text('examples/helpdesk.yaml'), true],
  ['the press office', text('examples/press.yaml'), true],
  ['a misspelt field', HELPDESK.replace('mission', 'mision'), false],
  ['another file version', HELPDESK.replace('v1', 'v2'), false],
  ['an unknown workflow type', HELPDESK.replace('chain', 'chian'), false],
  ['a limit of zero', HELPDESK.replace('max_steps: 12', 'max_steps: 0'), false],
])('the published schema agrees with apply on %s', (_what, file, isRight) => {
  const { document } = readFile(file);
  expect([validate(document), shapeFaults(document).length === 0]).toEqual([isRight, isRight]);
});
