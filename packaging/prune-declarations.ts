import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { bundledImports } from './bundled.ts';

/**
 * Removes the declarations of a compiled folder that `exports` of package.json does not lead to.
 * Throws if one that remains imports a bundled package, because users do not have its types.
 */
export function pruneDeclarations(dist: string): void {
  const reachable = declarationsFrom(join(dist, 'src/index.d.ts'));
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    const path = join(dist, file);
    if (path.endsWith('.d.ts') && !reachable.has(path)) rmSync(path);
  }
  for (const file of reachable) {
    const [name] = bundledImports(readFileSync(file, 'utf8'), { types: true });
    if (name) throw new Error(`${file} imports types of ${name}, which is bundled`);
  }
}

function declarationsFrom(entry: string): Set<string> {
  const found = new Set([entry]);
  for (const file of found) {
    const imports = readFileSync(file, 'utf8').matchAll(
      /\b(?:from|import)\s*\(?\s*['"](\.[^'"]+)['"]/g,
    );
    for (const [, name = ''] of imports)
      found.add(resolve(dirname(file), name.replace(/\.[jt]s$/, '.d.ts'))); // the loop visits it
  }
  return found;
}
