import { basename } from 'node:path';
import type { Note, Source } from './project.ts';

/** As fast-agent's decorators are written: `@fast.agent(`, `@app.evaluator_optimizer(`. */
const DECORATOR =
  /^[ \t]*@\w+\.(agent|custom|chain|parallel|router|orchestrator|iterative_planner|evaluator_optimizer|maker|a2a)\s*\(/gm;
/** Files about something else have decorators of these names too. */
const IMPORTS = /^\s*(from|import)\s+(mcp_agent|fast_agent)\b/m;

/** Whether a Python file defines agents of fast-agent. */
export function definesAgents(text: string): boolean {
  return IMPORTS.test(text) && text.search(DECORATOR) >= 0;
}

/** Agents that are defined in Python: it is not run here, and fast-agent can write their cards. */
export function pythonAgents({ name: file, text }: Source): Note[] {
  return [...text.matchAll(DECORATOR)].map((match) => {
    const before = text.slice(0, match.index).split('\n');
    const indent = /^[ \t]*/.exec(match[0])?.[0].length ?? 0;
    const message = `${match[1]} in Python, which is not run here: python ${basename(file)} --dump-agents DIR writes its card`;
    return { file, line: before.length, column: indent + 1, message };
  });
}
