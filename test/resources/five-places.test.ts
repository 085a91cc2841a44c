import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  cpSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { exampleTable, withRow } from '../sql/tables/example-table.ts';

// Adds the table of sql/README.md to a copy of the repository, in the five places that
// src/resources/README.md names and by `npm run generate`. All tests that look at each table,
// resource, command or role then pass without another edit. The table has another name there, since
// two tests of the copy add the table `notes` themselves.

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'howdah-copy-'));
const env = {
  ...process.env,
  HOWDAH_TESTS: '',
  NODE_OPTIONS: '',
  VITEST: undefined,
  CI: undefined,
};

/** Files that are made, not written. */
const MADE =
  /^(sql\/(schema\.sql|messages\.txt)|src\/.*\.generated\.ts|src\/api\/schema\.graphql)$/;
const MADE_TOO = /^(docs\/(reference\/.*|interfaces)\.md|test\/cli\/output\/json-shapes\.json)$/;

/** Tests that list tables, resources, commands, roles or shapes. */
const TESTS = [
  'test/sql/tables',
  'test/sql/conventions.test.ts',
  'test/sql/permissions.test.ts',
  'test/sql/tenancy.test.ts',
  'test/resources/new-table.test.ts',
  'test/resources/resource-types.test.ts',
  'test/docs/interfaces.test.ts',
  'test/cli/help/examples.test.ts',
  'test/cli/output/json.test.ts',
];
/** Requests all routes. Those of the new table, and those that create rows, are enough here. */
const ROUTES = ['test/api/rest/isolation.test.ts', '-t', 'memos|may create'];

const renamed = (text: string) => text.replaceAll('notes', 'memos').replaceAll(/\bnote\b/g, 'memo');

/** The digest of each file that was copied. */
const copied = new Map<string, string>();

beforeAll(() => {
  for (const file of trackedFiles()) {
    mkdirSync(join(copy, dirname(file)), { recursive: true });
    cpSync(join(ROOT, file), join(copy, file));
    copied.set(file, digestOf(file));
  }
  for (const folder of ['node_modules', 'dist'])
    symlinkSync(join(ROOT, folder), join(copy, folder));
});
afterAll(() => rmSync(copy, { recursive: true, force: true }));

const trackedFiles = () =>
  run(ROOT, 'git', 'ls-files', '--cached', '--others', '--exclude-standard')
    .split('\n')
    .filter(Boolean);

function run(cwd: string, command: string, ...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, argv, {
    ...{ cwd, env, encoding: 'utf8', maxBuffer: 64_000_000 },
  });
  if (status !== 0) throw new Error(`${command} ${argv.join(' ')}\n${stdout}\n${stderr}`);
  return stdout;
}

const read = (file: string) => readFileSync(join(copy, file), 'utf8');
const write = (file: string, text: string) => writeFileSync(join(copy, file), text);

/** Writes the five places. */
function addTable(): void {
  const { migration, rules } = exampleTable();
  write('migrations/9000_memos.sql', renamed(migration));
  for (const [path, row] of rules)
    write(path, withRow({ path, text: read(path) }, renamed(row)).text);
  const resource = renamed(read('test/resources/notes.ts')).replaceAll(
    '../../src/resources/',
    '../',
  );
  write('src/resources/definitions/memos.ts', resource.replace('../definitions/', './'));
  const samples = 'test/sql/tables/table-samples.ts';
  write(samples, read(samples).replace(/\n};\n$/, `${SAMPLE}\n};\n`));
  write('docs/sql.md', `${read('docs/sql.md')}\n\`howdah.memos\` has what users note.\n`);
}

const SAMPLE = `
  memos: {
    row: \`insert into howdah.memos (tenant_id, user_id, name, body)
   select $1, id, $2, $2 from howdah.users where tenant_id = $1 limit 1\`,
    write: \`update howdah.memos set body = 'x'\`,
  },`;

/** Returns the files of the copy that were written by hand since it was made. */
const writtenFiles = () =>
  globSync('**/*.*', { cwd: copy, exclude: (name) => ['node_modules', 'dist'].includes(name) })
    .filter((file) => statSync(join(copy, file)).isFile() && digestOf(file) !== copied.get(file))
    .filter((file) => !MADE.test(file) && !MADE_TOO.test(file))
    .toSorted();

const digestOf = (file: string) =>
  createHash('sha256')
    .update(readFileSync(join(copy, file)))
    .digest('hex');

/** Several minutes on a busy machine: it runs tests. */
const TIMEOUT_MS = 3_600_000;

test('a table costs five places', { timeout: TIMEOUT_MS }, () => {
  addTable();
  run(copy, process.execPath, 'test/support/generate/main.ts');
  run(copy, join(ROOT, 'node_modules/.bin/vitest'), 'run', ...TESTS);
  expect(run(copy, join(ROOT, 'node_modules/.bin/vitest'), 'run', ...ROUTES)).toMatch(/ passed/);
  run(copy, join(ROOT, 'node_modules/.bin/tsc'), '--noEmit');
  expect(writtenFiles()).toEqual([
    'docs/sql.md',
    'migrations/9000_memos.sql',
    // the rules are one place
    'sql/04_tables/column_classes.sql',
    'sql/04_tables/table_rules.sql',
    'sql/04_tables/written_columns.sql',
    'src/resources/definitions/memos.ts',
    'test/sql/tables/table-samples.ts',
  ]);
});
