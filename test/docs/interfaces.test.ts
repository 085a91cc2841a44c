import { readFileSync } from 'node:fs';
import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../support/database.ts';
import { unknownNames } from '../support/interfaces/capabilities.ts';
import { type Faults, findFaults, interfacesPage } from '../support/interfaces/interfaces-page.ts';
import { type Registries, readRegistries } from '../support/interfaces/registries.ts';

// Compares docs/interfaces.md with the operations that the interfaces really have.

const db = testDatabase();
const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
let registries: Registries;
let faults: Faults;

beforeAll(async () => {
  registries = await readRegistries(db.pool, read('src/api/schema.graphql'));
  faults = findFaults(registries);
});

test('the interfaces are read', () => {
  const { SQL, GraphQL, REST, CLI, TypeScript } = registries;
  for (const [at, most] of [
    [SQL, 200],
    [GraphQL, 250],
    [REST, 150],
    [CLI, 80],
    [TypeScript, 130],
  ] as const) {
    expect(at.size).toBeGreaterThan(most);
  }
});

test('every gap has a reason', () => {
  expect(faults.unexplained).toEqual([]);
});

test('every operation is in a row, or has a reason to be in none', () => {
  expect(faults.unlisted).toEqual([]);
});

test('every reason is used, and every row names an existing operation', () => {
  expect(faults.idle).toEqual([]);
  expect(unknownNames(registries)).toEqual([]);
});

test('a gap without a reason, and an operation in no row, are found', () => {
  const without = (name: string, ...others: string[]) => ({
    ...registries,
    [name]: new Set([...registries[name as 'REST']].filter((one) => !others.includes(one))),
  });
  const rest = without('REST', 'POST /api/schedules');
  expect(findFaults(rest).unexplained).toContain('REST: create a schedule');
  const sql = { ...registries, SQL: new Set([...registries.SQL, 'howdah.fly()']) };
  expect(findFaults(sql).unlisted).toEqual(['SQL: howdah.fly()']);
});

test('the page is that of the interfaces', () => {
  expect(read('docs/interfaces.md')).toBe(interfacesPage(registries));
});
