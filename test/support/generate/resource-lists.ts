import { globSync } from 'node:fs';
import { nameColumnOf } from '../../../src/cli/backend/unknown-name.ts';
import type { CommandEntry } from '../../../src/cli/command-entry.ts';
import { inShell, wordsToSet } from '../../../src/cli/nouns/field-options.ts';
import type { CommandResource, Resource } from '../../../src/resources/resource.ts';

/** A resource with its place: the path of its file below `src/resources`, and its exported name. */
type PlacedResource = { file: string; name: string; resource: Resource };

/** Reads the resources from the files of the rooms of `src/resources`. */
export async function readResources(root: string): Promise<PlacedResource[]> {
  const files = globSync('*/*.ts', { cwd: `${root}/src/resources` }).toSorted();
  const found: PlacedResource[] = [];
  for (const file of files) {
    const exported: Record<string, unknown> = await import(`${root}/src/resources/${file}`);
    for (const [name, value] of Object.entries(exported)) {
      if (isResource(value)) found.push({ file, name, resource: value });
    }
  }
  return found;
}

function isResource(value: unknown): value is Resource {
  const { table, path, collection } = (value ?? {}) as Partial<Resource>;
  return table !== undefined && path !== undefined && collection !== undefined;
}

/** Renders src/resources/all-resources.generated.ts. */
export function resourceList(placed: readonly PlacedResource[]): string {
  const imports = placed.map(({ file, name }) => `import { ${name} } from './${file}';\n`);
  return `// Generated from the rooms of src/resources: npm run generate.
${imports.join('')}import type { Resource } from './resource.ts';

/** All resources. */
export const allResources: readonly Resource[] = [
${placed.map(({ name }) => `  ${name},\n`).join('')}];
`;
}

/**
 * Renders src/cli/resource-commands.generated.ts: the commands of resources that need no verbs of
 * their own. `own` are the names of commands with files.
 */
export function resourceCommands(
  placed: readonly PlacedResource[],
  own: readonly CommandEntry[],
): string {
  const entries = (parent: string) =>
    placed.flatMap(({ file, name, resource }) => {
      // the rows of a noun below another are verbs in the file of that
      const [first, noun = ''] = resource.command?.noun.split(' ') ?? [];
      if (first !== parent || own.some((entry) => entry.name === noun)) return [];
      return [entryOf(noun, file, name, resource as CommandResource)];
    });
  return `// Generated from the rooms of src/resources: npm run generate.
import type { CommandEntry } from './command-entry.ts';

/** The commands of \`howdah admin\` for rows of tables. */
export const adminResourceCommands: readonly CommandEntry[] = [
${entries('admin').join('')}];

/** The commands of \`howdah dev\` for rows of tables. */
export const devResourceCommands: readonly CommandEntry[] = [
${entries('dev').join('')}];
`;
}

/** Returns the lines of help of a command that is made from its resource. */
export function exampleLines(resource: CommandResource): string[] {
  const { command, writes, examples } = resource;
  const noun = `howdah ${command.noun}`;
  const { [nameColumnOf(resource)]: name = 'ID', ...others } = examples?.create ?? {};
  const made = { ...(name !== 'ID' && { [nameColumnOf(resource)]: name }), ...others };
  const typed = inShell(String(name));
  const words = {
    create: () => wordsToSet(resource, made),
    change: () => [typed, ...wordsToSet(resource, examples?.change ?? {})],
    delete: () => [typed],
  };
  return [
    ...[`${noun} list`, `${noun} show ${typed}`],
    ...writes.map((verb) => [noun, verb, ...words[verb]()].join(' ')),
  ];
}

function entryOf(noun: string, file: string, name: string, resource: CommandResource): string {
  const { many, writes, command } = resource;
  const verbs = ['list', 'show', ...writes];
  const { group = 'Definitions', summary = `manage the ${many}` } = command;
  return `  {
    name: ${JSON.stringify(noun)},
    group: ${JSON.stringify(group)},
    summary: ${JSON.stringify(summary)},
    args: ${JSON.stringify(`[${verbs.join('|')}]`)},
    examples: ${JSON.stringify(exampleLines(resource))},
    load: async () => {
      const { resourceCommand } = await import('./nouns/resource-verbs.ts');
      return resourceCommand((await import('../resources/${file}')).${name});
    },
  },
`;
}
