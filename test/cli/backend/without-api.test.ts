import { expect, test } from 'vitest';
import { described } from '../../../src/cli/help/command-metadata.generated.ts';
import type { CommandMetadata } from '../../../src/cli/help/command-metadata.ts';

/** Commands without `--api`, each with the reason. Any other command works over a server too. */
const WITHOUT: Readonly<Record<string, string>> = {
  start: 'starts a process',
  worker: 'starts a process',
  api: 'starts a process',
  demo: 'creates an installation of its own',
  'db url': 'is about the server of the database',
  'db start': 'is about the server of the database',
  'db stop': 'is about the server of the database',
  migrate: 'reads and changes the schema',
  doctor: 'checks the database and this machine',
  backup: 'reads the whole database',
  restore: 'writes a whole database',
  'retention months': 'reads the partitions of all tenants',
  'retention archive': 'writes files of all tenants to this machine',
  'retention restore': 'creates a schema',
  retention: 'drops partitions of all tenants',
  'index-vectors': 'creates indexes of all tenants, as the owner of the database',
  sql: 'runs SQL, which no server takes',
  psql: 'runs SQL, which no server takes',
  generate: 'writes test data past all rules',
  bench: 'creates a database of its own',
  chaos: 'creates a database of its own',
  token: 'signs with the secret of the server',
  login: 'stores a login on this machine',
  logout: 'stores a login on this machine',
  'profiles list': 'reads the logins of this machine',
  'profiles use': 'stores a login on this machine',
  'completion words': 'knows the commands of this program',
  'export-user': 'an export has no maximum size, which an answer has',
  'users export': 'an export has no maximum size, which an answer has',
  'mcp serve': 'a server serves MCP itself: /mcp',
};

test('every command has --api, or a reason not to have it', () => {
  const without = Object.entries(described).flatMap(([name, one]) => commandsWithoutApi(name, one));
  expect(without.toSorted()).toEqual(Object.keys(WITHOUT).toSorted());
});

function commandsWithoutApi(path: string, { verbs = [], options = [] }: CommandMetadata): string[] {
  const below = verbs.flatMap((verb) => commandsWithoutApi(`${path} ${verb.name}`, verb));
  const isNoun = verbs.length > 0 && options.length === 0;
  const hasApi = options.some(({ written }) => written === '--api <url>');
  return isNoun || hasApi ? below : [path, ...below];
}
