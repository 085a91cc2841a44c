/** The names of the places in the menu, in English. */
export const englishPlaces = {
  home: 'Home',
  runs: 'Runs',
  inbox: 'Inbox',
  agents: 'Agents',
  workflows: 'Workflows',
  tools: 'Tools',
  models: 'Models',
  prompts: 'Prompts',
  skills: 'Skills',
  mcpServers: 'MCP servers',
  agentSystems: 'Agent systems',
  knowledge: 'Knowledge',
  datasets: 'Data sets',
  evaluations: 'Evaluations',
  costs: 'Costs',
  system: 'System',
};
