import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';

// Measures the cost of a start: the packages that are loaded, and that the API thread compiles
// nothing a second time.

vi.setConfig({ testTimeout: 60_000 });

const src = join(import.meta.dirname, '../src');

/** Runs the code of a module in its own process, and returns its output. */
function run(code: string): string {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  return execFileSync(process.execPath, ['--input-type=module', '--eval', code], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  }).trim();
}

/** Returns the packages of which an import of the file loads code. */
function packagesOf(file: string): Set<string> {
  const printed = run(`
    import { registerHooks } from 'node:module';
    const found = new Set();
    registerHooks({ load(url, context, next) {
      const path = url.split('/node_modules/').at(-1);
      if (path !== url) found.add(path.split('/', path.startsWith('@') ? 2 : 1).join('/'));
      return next(url, context);
    } });
    await import(${JSON.stringify(join(src, file))});
    console.log(JSON.stringify([...found]));
    process.exit();`);
  return new Set(JSON.parse(printed));
}

const LOADED_WHEN_CALLED = [
  'openai',
  '@modelcontextprotocol/client',
  '@modelcontextprotocol/server',
  'node-pg-migrate',
];

test.each([
  ['bootstrap.ts', ['pg', 'pino']],
  ['open-worker.ts', ['pg', 'graphile-worker']],
  ['api/server.ts', ['pg', 'fastify', 'postgraphile']],
])('%s loads no package that is needed only by calls', (file, needed) => {
  const packages = packagesOf(file);
  expect(needed.filter((name) => !packages.has(name))).toEqual([]);
  expect(LOADED_WHEN_CALLED.filter((name) => packages.has(name))).toEqual([]);
});

test('read-only commands load no worker code', () => {
  const packages = packagesOf('bootstrap.ts');
  expect(['graphile-worker', 'ajv', 'htmlparser2'].filter((name) => packages.has(name))).toEqual(
    [],
  );
});

test('the API thread uses the compile cache of its process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-compile-cache-'));
  const program = `data:text/javascript,${encodeURIComponent(`
    import { getCompileCacheDir } from 'node:module';
    import { parentPort } from 'node:worker_threads';
    parentPort.postMessage({ is: 'ready', url: String(getCompileCacheDir()), port: 1 });`)}`;
  try {
    const [own, ofThread] = run(`
      import { enableCompileCache, getCompileCacheDir } from 'node:module';
      enableCompileCache(${JSON.stringify(folder)});
      const { startApiThread } = await import(${JSON.stringify(join(src, 'api-thread.ts'))});
      const config = { port: 0 };
      const api = await startApiThread({ config, program: ${JSON.stringify(program)} }, {});
      console.log(getCompileCacheDir() + '\\n' + api.url);
      process.exit();`).split('\n');
    expect(own).toContain(folder);
    expect(ofThread).toBe(own);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
