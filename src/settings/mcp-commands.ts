/** Commands that are MCP servers. */
export type McpCommands = Readonly<{
  /**
   * The commands that may be started; undefined allows all commands that the owner of the database
   * wrote.
   */
  commands: readonly string[] | undefined;
  /** The part of this process's environment that each command receives. */
  environment: Readonly<Record<string, string>>;
}>;

/**
 * Variables for the place of programs, the home directory and the language. None of them could be a
 * secret.
 */
const HANDED_ON = ['PATH', 'HOME', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

/** Parses the list of HOWDAH_MCP_COMMANDS: empty, `none`, or commands as they are in rows. */
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
