/** Commands that are MCP servers. */
export type McpCommands = Readonly<{
  /** Those that may be started; undefined: whichever the database's owner wrote. */
  commands: readonly string[] | undefined;
  /** Of this process's environment, what each is given. */
  environment: Readonly<Record<string, string>>;
}>;

/** Where programs are, whose home it is and in which language they speak: nothing that could be a secret. */
const HANDED_ON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

/** What the list of HOWDAH_MCP_COMMANDS says: nothing, `none`, or commands as they stand in rows. */
export function mcpCommands(
  list: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): McpCommands {
  const entries = HANDED_ON.flatMap((name) => (env[name] ? [[name, env[name]] as const] : []));
  const named = list.length === 1 && list[0] === 'none' ? [] : list;
  return Object.freeze({
    commands: list.length === 0 ? undefined : Object.freeze(named),
    environment: Object.freeze(Object.fromEntries(entries)),
  });
}
