/** Returns the name of a thing with its indefinite article: an agent, a limit, an MCP server. */
export function withArticle(name: string): string {
  return `${/^([aeio]|API|MCP)/.test(name) ? 'an' : 'a'} ${name}`;
}
