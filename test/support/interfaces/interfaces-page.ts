import { type Capability, capabilitiesIn } from './capabilities.ts';
import { GAPS, OUTSIDE, reasonFor } from './gaps.ts';
import { INTERFACES, type InterfaceName, type Registries } from './registries.ts';

/** Gaps without a reason, operations that are in no row, and reasons that match nothing. */
export type Faults = { unexplained: string[]; unlisted: string[]; idle: string[] };

/** Compares the rows with the operations that the interfaces really have. */
export function findFaults(registries: Registries): Faults {
  const rows = capabilitiesIn(registries);
  const gaps = rows.flatMap((row) =>
    INTERFACES.filter((on) => row.by[on].length === 0).map((on) => ({ row, on })),
  );
  const listed = new Set(
    rows.flatMap(({ by }) => INTERFACES.flatMap((on) => prefixNames(on, by[on]))),
  );
  const outside = INTERFACES.flatMap((on) =>
    prefixNames(on, [...registries[on]]).filter((name) => !listed.has(name)),
  );
  const isOutside = (name: string) =>
    OUTSIDE.find(
      (one) => name.startsWith(`${one.on}: `) && one.name.test(name.slice(one.on.length + 2)),
    );
  const used = new Set([
    ...gaps.map(({ row, on }) => reasonFor(on, row)),
    ...outside.map(isOutside),
  ]);
  return {
    unexplained: gaps
      .filter(({ row, on }) => !reasonFor(on, row))
      .map(({ row, on }) => `${on}: ${row.what}`),
    unlisted: outside.filter((name) => !isOutside(name)),
    idle: [...GAPS, ...OUTSIDE].filter((one) => !used.has(one)).map(({ because }) => because),
  };
}

const prefixNames = (on: InterfaceName, names: readonly string[]) =>
  names.map((name) => `${on}: ${name}`);

/** Renders docs/interfaces.md. */
export function interfacesPage(registries: Registries): string {
  const groups = [...Map.groupBy(capabilitiesIn(registries), ({ group }) => group)];
  const notes: string[] = [];
  const noteOf = (reason: string) => {
    if (!notes.includes(reason)) notes.push(reason);
    return notes.indexOf(reason) + 1;
  };
  const tables = groups.map(([group, rows]) => {
    const lines = rows.map((row) => lineOf(row, noteOf));
    const head = `| | ${INTERFACES.join(' | ')} |\n| --- ${'| --- '.repeat(INTERFACES.length)}|`;
    return `## ${group}\n\n${head}\n${lines.join('\n')}\n`;
  });
  const reasons = notes.map((reason, index) => `${index + 1}. ${reason}`);
  return `${INTRODUCTION}\n${tables.join('\n')}\n## Gaps\n\n${reasons.join('\n')}\n`;
}

const INTRODUCTION = `# What each interface can do

Each row is a task, and each column shows how to do it with one interface. A number marks a [gap](#gaps), whose
reason is listed below. The table is generated from the interfaces themselves by \`npm run generate\`, and a test fails
if a gap has no reason.

- **SQL**: functions and tables, as the role \`howdah_app\`, in [sql.md](sql.md). Owners of the database may do more.
  \`select howdah.agents\` means a \`select\` from that table; \`insert\`, \`update\` and \`delete\` likewise.
- **GraphQL**: fields of queries, mutations and subscriptions, in [graphql.md](graphql.md).
- **REST**: [rest.md](rest.md), and \`/docs\` of a server. WebSockets on \`/ws\` follow runs and sessions too.
- **CLI**: what follows \`howdah\`, in [cli.md](cli.md). A command that has the option \`--api\` works on a server as
  well as on a database.
- **TypeScript**: methods of \`connect()\`, and the operations of its \`call()\`: \`call('listSchedules')\`.

Other programs use [OpenAI's format](openai.md), [MCP](mcp-server.md), [A2A](a2a.md), [AG-UI](ag-ui.md) and
[\`useChat\`](chat-ui.md) to run agents.
`;

function lineOf(row: Capability, noteOf: (reason: string) => number): string {
  const cells = INTERFACES.map((on) => {
    const names = row.by[on];
    if (names.length > 0) return names.map((name) => `\`${name}\``).join('<br>');
    return `[${noteOf(reasonFor(on, row)?.because ?? 'unexplained')}](#gaps)`;
  });
  return `| ${row.what} | ${cells.join(' | ')} |`;
}
