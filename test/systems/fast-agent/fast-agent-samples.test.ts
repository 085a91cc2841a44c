import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import type { JsonObject } from '../../../src/json/json.ts';
import { VENDORS } from '../../../src/providers/vendors.ts';
import { type Imported, importFastAgent } from '../../../src/systems/fast-agent/import.ts';
import type { ProjectSource } from '../../../src/systems/fast-agent/project.ts';
import { writeFile } from '../../../src/systems/write-file.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { reportUsable } from '../../support/usable-providers.ts';
import { newTenant } from '../support.ts';

// Imports configurations and cards of fast-agent's own examples. They are not part of this
// repository and are read from HOWDAH_TEST_ASSETS.
const FILE = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'fast-agent-import', 'cases.jsonl');
const hasSamples = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(FILE);
if (!hasSamples) {
  console.log(
    'samples of fast-agent: skipped, HOWDAH_TEST_ASSETS does not name a folder with fast-agent-import',
  );
}

type Case = { path: string } & (
  | { kind: 'agent-card'; frontmatter: JsonObject; body_chars: number }
  | { kind: 'config'; config: JsonObject }
  | { kind: 'python-definition'; definitions: { decorator: string; args: JsonObject }[] }
);

const cases = (): Case[] =>
  readFileSync(FILE, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Returns the original file of a case. */
function sourceOf(one: Case): ProjectSource {
  switch (one.kind) {
    case 'agent-card': {
      const text = `---\n${stringify(one.frontmatter)}---\n${'x'.repeat(one.body_chars)}\n`;
      return {
        kind: one.path.includes('tool-cards/') ? 'tool-card' : 'card',
        name: one.path,
        text,
      };
    }
    case 'config':
      return { kind: 'config', name: one.path, text: stringify(one.config) };
    case 'python-definition': {
      const decorators = one.definitions.map(
        ({ decorator }) => `@fast.${decorator}()\nasync def f(): ...`,
      );
      return {
        kind: 'python',
        name: one.path,
        text: ['from fast_agent import FastAgent', ...decorators].join('\n'),
      };
    }
  }
}

const count = ({ document }: Imported, section: string) =>
  Object.keys((document[section] ?? {}) as JsonObject).length;

let database: TestDatabase;
beforeAll(async () => {
  if (hasSamples) database = await createTestDatabase();
});
afterAll(() => database?.drop());

test.skipIf(!hasSamples)('every sample imports to a system that could be applied', async () => {
  const folders = Map.groupBy(cases(), (one) =>
    // Cards of one folder form a project. Every other file is a project of its own.
    one.kind === 'agent-card' ? dirname(one.path) : one.path,
  );
  const tenant = await newTenant(database.pool);
  await reportUsable(database.pool, ...VENDORS.map(({ name }) => name));
  const total = { samples: 0, models: 0, mcp_servers: 0, agents: 0, workflows: 0, notes: 0 };
  for (const [name, samples] of folders) {
    const result = importFastAgent({
      name,
      files: samples.map(sourceOf),
      include: () => undefined,
    });
    await tenant.apply(writeFile(result.document), { dryRun: true });
    const cards = samples.filter(
      ({ kind, path }) => kind === 'agent-card' && !path.endsWith('SKILL.md'),
    );
    expect(count(result, 'agents') + count(result, 'workflows'), name).toBe(cards.length);
    total.samples += samples.length;
    total.notes += result.notes.length;
    for (const section of ['models', 'mcp_servers', 'agents', 'workflows'] as const)
      total[section] += count(result, section);
  }
  console.log('samples of fast-agent:', total);
  expect(total.samples).toBeGreaterThan(100);
  expect(total.workflows).toBeGreaterThanOrEqual(6);
  expect(total.mcp_servers).toBeGreaterThan(20);
});
