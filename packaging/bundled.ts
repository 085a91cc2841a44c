/**
 * The packages that the build bundles into `dist/vendor`, so that an installation does not include
 * their dependencies. They are devDependencies.
 */
export const BUNDLED = [
  '@graphile/simplify-inflection',
  'eld',
  'node-pg-migrate',
  'openai',
  'postal-mime',
  'postgraphile',
  'postgraphile-plugin-connection-filter',
  'prom-client',
] as const;

/** An import of a package: the keyword, the quotation mark, and the name. */
const IMPORT = /((?:\bfrom|\bimport)\s*\(?\s*)(['"])([^'".][^'"]*)\2/g;

/** Returns the bundled modules that a file imports, such as `postgraphile/grafast`. */
export function bundledImports(text: string, { types = false } = {}): string[] {
  const code = types ? text : text.replaceAll(/^(?:import|export) type [^;]*;$/gm, '');
  return [...code.matchAll(IMPORT)].map(([, , , name = '']) => name).filter(isBundled);
}

/** Returns the text with other names for the bundled modules that it imports. */
export function renameImports(text: string, rename: (name: string) => string): string {
  return text.replaceAll(IMPORT, (all, before: string, quote: string, name: string) =>
    isBundled(name) ? `${before}${quote}${rename(name)}${quote}` : all,
  );
}

function isBundled(name: string): boolean {
  return BUNDLED.some((one) => name === one || name.startsWith(`${one}/`));
}
