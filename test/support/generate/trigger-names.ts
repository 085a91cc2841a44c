/**
 * Returns the triggers of a dump of the schema (schema-dump.ts), the content of
 * `src/db/triggers.generated.ts`.
 */
export function triggerNames(dump: string): string {
  const made = dump.matchAll(/^CREATE (?:CONSTRAINT )?TRIGGER (\S+) .*? ON (howdah\w*\.\w+) /gm);
  const lines = [...made].map(([, trigger, table]) => `  '${table} ${trigger}',\n`);
  return `${HEAD}${lines.join('')}];\n`;
}

const HEAD = `// Generated from a freshly migrated database by \`npm run generate\`; never edited.

/** The triggers of all tables, each with its table. */
export const TRIGGERS: readonly string[] = [
`;
