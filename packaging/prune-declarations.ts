import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import manifest from '../package.json' with { type: 'json' };
import { bundledImports } from './bundled.ts';

/**
 * Removes the declarations of a compiled folder that `exports` of package.json does not reach.
 * Throws if a remaining declaration imports a bundled package, because users lack its types.
 */
export function pruneDeclarations(dist: string): void {
  const entries = Object.values<{ types: string }>(manifest.exports);
  const reachable = declarationsFrom(
    entries.map(({ types }) => join(dist, relative('dist', types))),
  );
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const path = join(dist, file);
    if (path.endsWith('.d.ts') && !reachable.has(path)) rmSync(path);
  }
  for (const file of reachable) {
    const [name] = bundledImports(readFileSync(file, 'utf8'), { types: true });
    if (name) throw new Error(`${file} imports types of ${name}, which is bundled`);
  }
}

function declarationsFrom(entries: readonly string[]): Set<string> {
  const found = new Set(entries);
  for (const file of found) {
    const imports = readFileSync(file, 'utf8').matchAll(
      /\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g,
    );
    // the outer loop visits the files that are added here
    for (const [, name = ''] of imports)
      found.add(resolve(dirname(file), name.replace(/\.[jt]s$/, '.d.ts')));
  }
  return found;
}
